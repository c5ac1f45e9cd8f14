import pytest
from pydantic import SecretStr

from iot.settings import InvalidSettingError, Settings


def read(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.read()


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().model_dump() == {
        "port": 3008,
        "docs": True,
        "statestore": "statestore",
        "pubsub": "iot-pubsub",
        "dead_letter_topic": "connection-mandates-dead-letter",
        "app_api_token": SecretStr(""),
        "state_timeout": 2.0,
        "delivery_timeout": 30.0,
        "max_sequence_ahead": 3600.0,
        "keep_alive": 75,
        "dapr_grpc_port": 50001,
        "log_level": "info",
    }
    assert read(monkeypatch, {"IOT_PORT": "", "IOT_STATESTORE": "", "LOG_LEVEL": ""}) == Settings()


def test_every_setting_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "IOT_PORT": "1",
        "IOT_DOCS": "off",
        "IOT_STATESTORE": "durable-statestore",
        "IOT_PUBSUB": "other-pubsub",
        "IOT_DEAD_LETTER_TOPIC": "other-topic",
        "IOT_STATE_TIMEOUT_SECONDS": "0.5",
        "DAPR_GRPC_PORT": "65535",
        "LOG_LEVEL": "debug",
        "APP_API_TOKEN": "t",
        "IOT_DELIVERY_TIMEOUT_SECONDS": "9",
        "IOT_MAX_SEQUENCE_AHEAD_SECONDS": "60",
        "IOT_KEEP_ALIVE_SECONDS": "600",
    }
    assert read(monkeypatch, environment).model_dump() == {
        "port": 1,
        "docs": False,
        "statestore": "durable-statestore",
        "pubsub": "other-pubsub",
        "dead_letter_topic": "other-topic",
        "app_api_token": SecretStr("t"),
        "state_timeout": 0.5,
        "delivery_timeout": 9.0,
        "max_sequence_ahead": 60.0,
        "keep_alive": 600,
        "dapr_grpc_port": 65535,
        "log_level": "debug",
    }


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_blank_token_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert read(monkeypatch, {"APP_API_TOKEN": text}) == Settings()


def test_the_token_is_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "secret" not in repr(read(monkeypatch, {"APP_API_TOKEN": "secret"}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("IOT_PORT", text) for text in ("0", "65536", "-1", "x", "1.5", "9" * 5000, "٣")),
        ("IOT_DOCS", "perhaps"),
        ("DAPR_GRPC_PORT", "x"),
        *(("IOT_STATE_TIMEOUT_SECONDS", text) for text in ("0", "-1", "x", "nan", "inf", "61")),
        ("IOT_DELIVERY_TIMEOUT_SECONDS", "61"),
        ("IOT_MAX_SEQUENCE_AHEAD_SECONDS", "86401"),
        ("IOT_KEEP_ALIVE_SECONDS", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_the_rule(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    with pytest.raises(InvalidSettingError, match=f"^{name}='{text}': .+"):
        read(monkeypatch, {name: text})
