"""The settings: environment variables, read once at start. README.md has their table."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
ShortSeconds = Annotated[float, Field(gt=0, le=60)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lambda text: str(text).lower())]


class InvalidSettingError(ValueError):
    """A variable with a value that cannot be used; the message names variable, value and rule."""


class Settings(BaseSettings):
    """An empty variable counts as one that is not set."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, frozen=True, validate_by_name=True, str_strip_whitespace=True
    )

    port: Port = Field(default=3008, validation_alias="IOT_PORT")
    docs: bool = Field(default=True, validation_alias="IOT_DOCS")
    statestore: str = Field(default="statestore", validation_alias="IOT_STATESTORE")
    pubsub: str = Field(default="iot-pubsub", validation_alias="IOT_PUBSUB")
    dead_letter_topic: str = Field(default="connection-mandates-dead-letter", validation_alias="IOT_DEAD_LETTER_TOPIC")
    app_api_token: SecretStr = Field(default=SecretStr(""), validation_alias="APP_API_TOKEN")
    state_timeout: ShortSeconds = Field(default=2.0, validation_alias="IOT_STATE_TIMEOUT_SECONDS")
    delivery_timeout: ShortSeconds = Field(default=30.0, validation_alias="IOT_DELIVERY_TIMEOUT_SECONDS")
    max_sequence_ahead: Seconds = Field(default=3600.0, validation_alias="IOT_MAX_SEQUENCE_AHEAD_SECONDS")
    # Longer than a proxy keeps its own, usually 60 s: one that sends a request as this side closes cannot know
    # whether it was taken.
    keep_alive: int = Field(default=75, ge=1, le=3600, validation_alias="IOT_KEEP_ALIVE_SECONDS")
    dapr_grpc_port: Port = Field(default=50001, validation_alias="DAPR_GRPC_PORT")
    log_level: LogLevel = Field(default="info", validation_alias="LOG_LEVEL")

    @classmethod
    def read(cls) -> Self:
        """Those of the environment. Raises InvalidSettingError."""
        try:
            return cls()
        except ValidationError as error:
            raise InvalidSettingError(
                "; ".join(f"{fault['loc'][0]}={fault['input']!r}: {fault['msg']}" for fault in error.errors())
            ) from None
