"""A profile as the TOML that it is read from."""

import json
from collections.abc import Mapping

from dispatch.application.intake.profiles.profile import Column, Profile

_DEFAULTS = Column(name="", kind="text", to="details")  # type: ignore[arg-type]  # Only its defaults are looked at.


def write_profile(profile: Profile, notes: Mapping[str, str] | None = None) -> str:
    """The text of a profile's file; `notes` are remarks by column, `""` for one at the top."""
    notes = notes or {}
    lines = [*_remark(notes.get("", "")), f"name = {_value(profile.name)}", f"version = {profile.version}"]
    lines += [f"natural_key = {_value(profile.natural_key)}", f"route = {_value(list(profile.route))}"]
    if profile.at_least_one_of:
        lines.append(f"at_least_one_of = {_value([list(group) for group in profile.at_least_one_of])}")
    fixed = {"service": profile.fixed.service or None, "price_pence": profile.fixed.price_pence}
    if any(value is not None for value in fixed.values()):
        lines += ["", "[fixed]", *(f"{name} = {_value(value)}" for name, value in fixed.items() if value is not None)]
    if profile.details:
        lines += ["", "[details]", *(f"{_key(name)} = {_value(value)}" for name, value in profile.details.items())]
    for column in profile.columns:
        lines += ["", "[[columns]]", *_remark(notes.get(column.name, "")), *_column(column)]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> list[str]:
    lines = []
    for field in column.__struct_fields__:
        value = getattr(column, field)
        if field in ("name", "kind", "to") or (field != "choices" and value != getattr(_DEFAULTS, field)):
            lines.append(f"{field} = {_value(list(value) if isinstance(value, tuple) else value)}")
    if column.choices:
        lines += [
            "[columns.choices]",
            *(f"{_key(name)} = {_value(list(more))}" for name, more in column.choices.items()),
        ]
    return lines


def _remark(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _value(name)


def _value(value: object) -> str:
    """Strings, numbers, truth values and arrays: what TOML 1.0 writes as JSON does."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
