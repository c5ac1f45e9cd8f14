import pytest

from iot.settings import Settings, from_environment


def test_defaults() -> None:
    assert from_environment({}) == Settings(
        3008, "statestore", "iot-pubsub", "connection-mandates-dead-letter", 2.0, 50001, "info"
    )
    assert from_environment({"IOT_PORT": "", "IOT_STATESTORE": "", "LOG_LEVEL": ""}) == Settings()


def test_every_setting_is_read() -> None:
    environment = {
        "IOT_PORT": "1",
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
    expected = Settings(1, "durable-statestore", "other-pubsub", "other-topic", 0.5, 65535, "debug", "t", 9, 60, 600)
    assert from_environment(environment) == expected


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_blank_token_is_none(text: str) -> None:
    assert from_environment({"APP_API_TOKEN": text}) == Settings()


def test_the_token_is_not_shown_with_the_settings() -> None:
    assert "secret" not in repr(from_environment({"APP_API_TOKEN": "secret"}))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("IOT_PORT", text) for text in ("0", "65536", "-1", "x", "1.5", "9" * 5000, "٣")),
        ("DAPR_GRPC_PORT", "x"),
        *(("IOT_STATE_TIMEOUT_SECONDS", text) for text in ("0", "-1", "x", "nan", "inf", "61")),
        ("IOT_DELIVERY_TIMEOUT_SECONDS", "61"),
        ("IOT_MAX_SEQUENCE_AHEAD_SECONDS", "86401"),
        ("IOT_KEEP_ALIVE_SECONDS", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_environment({name: text})
