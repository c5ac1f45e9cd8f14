"""The settings: environment variables, read once at start. README.md has their table."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]
ShortSeconds = Annotated[float, Field(ge=0, le=60)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lambda text: str(text).lower())]


class InvalidSettingError(ValueError):
    """A variable with a value that cannot be used; the message names variable, value and rule."""


class Settings(BaseSettings):
    """An empty variable counts as one that is not set."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, frozen=True, validate_by_name=True, str_strip_whitespace=True
    )

    port: Port = Field(default=3005, validation_alias="CRM_PORT")
    docs: bool = Field(default=True, validation_alias="CRM_DOCS")
    customers_csv: Path = Field(default=Path("customer-database.csv"), validation_alias="CRM_CUSTOMERS_CSV")
    database_url: str = Field(default="sqlite://", validation_alias="CRM_DATABASE_URL")
    pubsub: str = Field(default="crm-pubsub", validation_alias="CRM_PUBSUB")
    topic: str = Field(default="connection-mandates-topic", validation_alias="CRM_TOPIC")
    lease: float = Field(default=90.0, ge=10, le=3600, validation_alias="CRM_LEASE_SECONDS")
    drain: ShortSeconds = Field(default=5.0, validation_alias="CRM_DRAIN_SECONDS")
    # Longer than a proxy keeps its own, usually 60 s: one that sends a request as this side closes cannot know
    # whether it was taken.
    keep_alive: int = Field(default=75, ge=1, le=3600, validation_alias="CRM_KEEP_ALIVE_SECONDS")
    app_api_token: SecretStr = Field(default=SecretStr(""), validation_alias="APP_API_TOKEN")
    dapr_http_port: Port = Field(default=3500, validation_alias="DAPR_HTTP_PORT")
    dapr_api_token: SecretStr = Field(default=SecretStr(""), validation_alias="DAPR_API_TOKEN")
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
