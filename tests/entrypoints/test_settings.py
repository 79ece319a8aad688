"""Settings: one after the other of default, running system, environment and flags; what is wrong is named."""

import re
from pathlib import Path

import pytest

from dispatch.domain.zone.events import Measure
from dispatch.domain.zone.judging import DEFAULT, Limits
from dispatch.entrypoints.limit_settings import read_zones
from dispatch.entrypoints.settings import SettingsError, load_settings, redacted
from dispatch.entrypoints.supervisor.runtime import runtime_note


@pytest.fixture
def data(tmp_path):
    return {"data": str(tmp_path)}


def test_later_sources_win_and_are_named(data, tmp_path):
    with runtime_note(tmp_path, {"nats_url": "nats://noted", "database_url": "postgresql://noted"}):
        environ = {"DISPATCH_NATS_URL": "nats://env", "DISPATCH_WORKERS": "3", "DISPATCH_HTTP_PORT": "1"}
        loaded = load_settings(environ, {**data, "workers": 4, "http_port": None})
        apart = load_settings({}, data, join_running=False)
    settings, sources = loaded.settings, loaded.sources
    assert (settings.database_url, sources["database_url"]) == ("postgresql://noted", "runtime.json")
    assert (settings.nats_url, sources["nats_url"]) == ("nats://env", "DISPATCH_NATS_URL")
    assert (settings.workers, sources["workers"]) == (4, "command line")
    assert (settings.http_port, sources["http_port"]) == (1, "DISPATCH_HTTP_PORT")
    assert (settings.worker_lanes, sources["worker_lanes"]) == (2, "default")
    assert (settings.data, apart.settings.nats_url) == (tmp_path, "")


def test_a_value_may_stand_in_a_file(data, tmp_path):
    secret = tmp_path / "key"
    secret.write_text(" s3cret\n")
    loaded = load_settings({"DISPATCH_PROVIDER_API_KEY_FILE": str(secret)}, data)
    assert loaded.settings.provider_api_key == "s3cret"
    assert redacted(loaded.settings)["provider_api_key"] == "********"


def test_passwords_of_urls_are_hidden(data):
    shown = redacted(load_settings({"DISPATCH_DATABASE_URL": "postgresql://ann:secret@host/db"}, data).settings)
    assert shown["database_url"] == "postgresql://ann:********@host/db"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"DISPATCH_WORKRES": "3"}, "DISPATCH_WORKRES is not a setting of dispatch; known: .*DISPATCH_WORKERS"),
        ({"DISPATCH_WORKERS": "many"}, "DISPATCH_WORKERS: 'many' is not a int"),
        ({"DISPATCH_WORKERS": "0"}, "DISPATCH_WORKERS: '0' is out of range, write a number from 1 to 64"),
        ({"DISPATCH_HTTP_PORT": "65536"}, "DISPATCH_HTTP_PORT: '65536' is out of range"),
        ({"DISPATCH_ERROR_THRESHOLD_PERCENT": "101"}, "from 0 to 100"),
        ({"DISPATCH_WORK_ACK_WAIT_S": "-1"}, "DISPATCH_WORK_ACK_WAIT_S: '-1' is out of range"),
        ({"DISPATCH_SHUTDOWN_GRACE_S": "nan"}, "DISPATCH_SHUTDOWN_GRACE_S: 'nan'"),
        ({"DISPATCH_NATS_URL_FILE": "/nowhere"}, "DISPATCH_NATS_URL_FILE: the file /nowhere cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_it_may_be(data, environ, said):
    with pytest.raises(SettingsError, match=said):
        load_settings(environ, data)


def test_a_file_that_is_not_text_is_named(data, tmp_path):
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load_settings({"DISPATCH_PROVIDER_API_KEY_FILE": str(tmp_path / "key")}, data)


def test_a_flag_out_of_range_names_the_flag(data):
    with pytest.raises(SettingsError, match="--workers: 65 is out of range"):
        load_settings({}, {**data, "workers": 65})


def test_the_folder_is_found_in_the_environment(tmp_path):
    assert load_settings({"DISPATCH_DATA": str(tmp_path)}).settings.data == Path(tmp_path)


def test_the_limits_of_the_zone_keep_their_defaults_where_nothing_is_said():
    read = read_zones("lag_s=5,30.5  errors_percent=2,2")
    assert (read[Measure.LAG_S], read[Measure.ERRORS_PERCENT]) == (Limits(5, 30.5), Limits(2, 2))
    assert read[Measure.AGE_S] == DEFAULT[Measure.AGE_S]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("lag_s=5", "MEASURE=YELLOW,RED"),
        ("rain=5,6", "one of lag_s, age_s"),
        ("lag_s=60,10", "not behind red"),
        ("lag_s=0,10", "above 0"),
        ("lag_s=1,2 lag_s=3,4", "a second time"),
    ],
)
def test_limits_of_the_zone_that_are_none_are_said(text: str, why: str):
    with pytest.raises(SettingsError, match=rf"^DISPATCH_ZONE_LIMITS: .*{re.escape(why)}"):
        load_settings({"DISPATCH_ZONE_LIMITS": text})
