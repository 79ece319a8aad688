"""Values as people write them, one kind at a time."""

from datetime import date

import email_validator
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers.phonemetadata import PhoneMetadata

from dispatch.application.intake.advice import advice, found
from dispatch.application.intake.fields import ValueRefused, read_date, read_email, read_phone, read_postcode, reader_of
from dispatch.application.intake.profiles import SERVICE_JOB, Column, Kind, Profile, ProfileUnknown, profile_named
from dispatch.domain.consent import Basis
from dispatch.domain.rows import RowCode


def column(name: str) -> Column:
    return SERVICE_JOB.column(name)


def refused(name: str, text: str) -> RowCode:
    with pytest.raises(ValueRefused) as caught:
        reader_of(column(name))(text)
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "pence"),
    [
        ("£1,234.56", 123456), ("1234.56", 123456), (" 85 ", 8500), ("85.5", 8550), ("4500p", 4500), ("£ 12", 1200),
        ("GBP 12.00", 1200), ("0.01", 1), ("100,000", 10_000_000),
    ],
)  # fmt: skip
def test_money_becomes_whole_pence(text: str, pence: int):
    assert reader_of(column("price"))(text) == pence


@pytest.mark.parametrize("text", ["TBC", "1.234,56", "85,00", "12.345", "£", "1 000", "1e3", "٣", "--5"])
def test_other_money_is_refused(text: str):
    assert refused("price", text) is RowCode.MONEY


@pytest.mark.parametrize("text", ["(1234.56)", "-5", "£-5", "-£5", "0", "100000.01", "0p"])
def test_amounts_out_of_range_are_refused(text: str):
    assert refused("price", text) is RowCode.RANGE


@pytest.mark.parametrize(
    "text",
    ["2026-11-23", "23/11/2026", "23-11-2026", "23.11.2026", "23 Nov 2026", "23 November 2026", "20261123"],
)  # fmt: skip
def test_dates_in_seven_forms(text: str):
    assert read_date(text) == date(2026, 11, 23)


def test_the_day_comes_before_the_month():
    assert read_date("3/4/2026") == date(2026, 4, 3)


@pytest.mark.parametrize(
    "text", ["11/23/2026", "31/02/2027", "23/11/26", "2026-1123", "23-11/2026", "23 Foo 2026", "tomorrow", "46349"]
)
def test_other_dates_are_refused(text: str):
    assert refused("preferred_date", text) is RowCode.DATE


def test_years_out_of_range_are_refused():
    assert refused("preferred_date", "23/11/0206") is RowCode.RANGE


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("07700 900123", "+447700900123"), ("+44 (0)7700 900123", "+447700900123"),
        ("0044 7700-900-123", "+447700900123"), ("7700900123", "+447700900123"),
        ("447700900123", "+447700900123"), ("(020) 7946 0123", "+442079460123"),
        ("01632 960123", "+441632960123"), ("0131 496 0123", "+441314960123"), ("0808 157 0123", "+448081570123"),
        ("03069 990123", "+443069990123"), ("07911\u00a0123456", "+447911123456"), ("01624 230123", "+441624230123"),
    ],
)  # fmt: skip
def test_uk_phones_become_e164(text: str, e164: str):
    assert read_phone(text) == e164


@pytest.mark.parametrize(
    "text", ["07700 9001", "unknown", "+33 1 23 45 67 89", "0000000000", "0" * 60, "01632 960123 x5"]
)
def test_other_phones_are_refused(text: str):
    assert refused("phone", text) is RowCode.PHONE


@given(st.from_regex(PhoneMetadata.metadata_for_region("GB").mobile.national_number_pattern, fullmatch=True))
def test_mobiles_that_pass_quickly_are_valid_for_the_library(national: str):
    if not national.isascii():
        return
    e164 = read_phone(f"0{national}")
    assert phonenumbers.is_valid_number(phonenumbers.parse(e164)) or national.startswith("7700900")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@example.com", "ann@example.com"), ("Ann.O'Brien+x@Example.ORG", "Ann.O'Brien+x@example.org"),
        ("siân@example.com", "siân@example.com"), ("a_b-c@mail.example", "a_b-c@mail.example"),
    ],
)  # fmt: skip
def test_emails(text: str, address: str):
    assert read_email(text) == address


@pytest.mark.parametrize(
    "text",
    ["ann", "ann at example.com", "a@@example.com", "a.@example.com", "a@localhost", "a@-x.com", "a@x.test", "@b.com"],
)
def test_other_emails_are_refused(text: str):
    assert refused("email", text) is RowCode.EMAIL


EMAIL_PARTS = st.text("abZ09.-_+'@", max_size=12)


@given(
    st.one_of(
        st.tuples(
            EMAIL_PARTS, st.text("ab9.-", max_size=9), st.sampled_from(["com", "TEST", "local", "uk", "onion", "c"])
        ),
        st.tuples(st.just("a" * 60), st.text("a.", min_size=0, max_size=80), st.just("com")),
    )
)
def test_emails_are_read_as_the_library_reads_them(parts: tuple[str, str, str]):
    text = f"{parts[0]}@{parts[1]}.{parts[2]}"
    try:
        expected = email_validator.validate_email(text, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        expected = "refused"
    try:
        answer = read_email(text)
    except ValueRefused:
        answer = "refused"
    assert answer == expected


@pytest.mark.parametrize(
    ("text", "postcode"),
    [
        ("SW1A 1AA", "SW1A 1AA"), ("sw1a1aa", "SW1A 1AA"), ("M1 1AE", "M1 1AE"), ("B33  8TH", "B33 8TH"),
        ("CR2 6XH", "CR2 6XH"), ("DN55 1PT", "DN55 1PT"), ("W1A 0AX", "W1A 0AX"), ("EC1A 1BB", "EC1A 1BB"),
        ("GIR 0AA", "GIR 0AA"),
    ],
)  # fmt: skip
def test_postcodes(text: str, postcode: str):
    assert read_postcode(text) == postcode


@pytest.mark.parametrize("text", ["Leeds", "SW1A 1A", "QX1 1AA", "LS1 4CP", "90210", "LS1 4APX", "A1 1AA B"])
def test_other_postcodes_are_refused(text: str):
    assert refused("postcode", text) is RowCode.POSTCODE


def test_choices_are_read_in_tolerant_spelling():
    read = reader_of(column("service"))
    assert {read(text) for text in ("boiler_service", "Boiler Service", "BOILER-SERVICE", "gas boiler service")} == {
        "boiler_service"
    }
    assert refused("service", "piano tuning") is RowCode.CHOICE
    assert advice(column("service"), RowCode.CHOICE, "boiler servce")[1] == "did you mean boiler_service?"


def test_yes_no_and_lawful_basis():
    assert reader_of(column("opted_out"))("Yes") is True
    assert reader_of(column("opted_out"))("") is False
    assert refused("opted_out", "maybe") is RowCode.CHOICE
    assert reader_of(column("lawful_basis"))("Soft opt-in") is Basis.SOFT_OPT_IN
    assert reader_of(column("lawful_basis"))("") is Basis.NONE
    assert refused("lawful_basis", "legitimate interest") is RowCode.CHOICE


def test_text_is_trimmed_bounded_and_one_line():
    read = reader_of(column("customer_name"))
    assert read("  Ann \r\n Smith ") == "Ann Smith"
    assert refused("customer_name", "   ") is RowCode.MISSING
    assert refused("customer_name", "x" * 121) is RowCode.TOO_LONG


def test_personal_values_are_never_shown():
    assert found(column("phone"), " 07700 9001 ") == "99999 9999"
    assert found(column("notes"), "Ann, 12 High St") == "xxx, 99 xxxx xx"
    assert found(column("price"), "ann@example.com") == "xxx@xxxxxxx.xxx"  # A shifted row.
    assert found(column("price"), "+44 7700 900123") == "+99 9999 999999"
    assert found(column("price"), "TBC") == "TBC"


@pytest.mark.parametrize("name", [c.name for c in SERVICE_JOB.columns])
def test_every_refusal_is_explained(name: str):
    refused_texts = {"x" * 2000: RowCode.TOO_LONG, "(5)": RowCode.RANGE, "1/1/0001": RowCode.RANGE}
    kind = column(name).kind
    texts = ["x" * 2000] if kind is Kind.TEXT else ["?"]
    texts += ["(5)"] if kind is Kind.MONEY else ["1/1/0001"] if kind is Kind.DATE else []
    texts += [""] if column(name).required else []
    for text in texts:
        code = refused(name, text)
        assert code is refused_texts.get(text, code)
        assert all(advice(column(name), code, text))


def test_profiles_are_found_by_name_and_checked():
    assert profile_named("service-job") is SERVICE_JOB
    with pytest.raises(ProfileUnknown, match="service-job"):
        profile_named("nobody")
    key = Column(name="key", kind=Kind.TEXT, to="reference", required=True)
    with pytest.raises(ValueError, match="mean two things"):
        Profile(
            name="p",
            version=1,
            natural_key="key",
            route=(),
            columns=(key, Column(name="Key ", kind=Kind.TEXT, to="details")),
        )
    with pytest.raises(ValueError, match="must be a required column"):
        Profile(
            name="p", version=1, natural_key="k", route=(), columns=(Column(name="k", kind=Kind.TEXT, to="details"),)
        )
