"""What the application needs from its environment, read once at the start.

Nothing else reads the environment. Secrets are wrapped, so that printing the settings, or an
error that shows them, shows no value.
"""

import os
from dataclasses import dataclass


class Secret:
    """A value that is shown nowhere by accident; `expose()` is the one way to it."""

    def __init__(self, value):
        self._value = value

    def expose(self):
        return self._value

    def __repr__(self):
        return "Secret(****)"

    __str__ = __repr__


class SettingsError(Exception):
    """The environment lacks something or holds something that cannot be."""


@dataclass(frozen=True)
class Settings:
    """The application's settings."""

    app_env: str
    debug: bool
    port: int
    log_level: str
    session_ttl_minutes: int
    provider_mode: str
    openai_model: str
    cohere_model: str
    gemini_model: str
    qdrant_url: str
    qdrant_collection: str
    openai_api_key: Secret
    cohere_api_key: Secret
    gemini_api_key: Secret
    qdrant_api_key: Secret
    database_url: Secret
    session_signing_secret: Secret
    questions_a_minute: int
    double_port: int
    gateway_visit_seconds: int
    gateway_visit_rpm: int
    gateway_visit_budget: str
    database_env_file: str = ""
    gateway_url: str = ""
    gateway_api: str = ""
    gateway_key: str = ""
    gateway_token: Secret = Secret("")
    openai_base_url: str = "https://api.openai.com/v1"
    cohere_base_url: str = "https://api.cohere.com"
    gemini_base_url: str = "https://generativelanguage.googleapis.com"

    def secrets(self):
        """Every secret, for tests that search outputs for them."""
        return [value for value in vars(self).values() if isinstance(value, Secret) and value.expose()]

    def has_gateway(self):
        """Whether pages ask the model by themselves, at keyward's gateway."""
        return bool(self.gateway_url)


DEFAULTS = {
    "APP_ENV": "development",
    "DEBUG": "false",
    "PORT": "8000",
    "LOG_LEVEL": "info",
    "SESSION_TTL_MINUTES": "60",
    "QUESTIONS_A_MINUTE": "30",
    "PROVIDER_MODE": "live",
    "OPENAI_MODEL": "gpt-4o-mini",
    "COHERE_MODEL": "embed-v4.0",
    "GEMINI_MODEL": "gemini-2.5-flash",
    "QDRANT_COLLECTION": "documents",
    "DOUBLE_PORT": "8010",
    "GATEWAY_VISIT_SECONDS": "900",
    "GATEWAY_VISIT_RPM": "6",
    "GATEWAY_VISIT_BUDGET": "0.02usd/total",
}

SECRETS = (
    "OPENAI_API_KEY",
    "COHERE_API_KEY",
    "GEMINI_API_KEY",
    "QDRANT_API_KEY",
    "DATABASE_URL",
    "SESSION_SIGNING_SECRET",
)

# What `gateway.sh` sets: all of it, or nothing.
GATEWAY = ("GATEWAY_URL", "GATEWAY_API", "GATEWAY_KEY", "GATEWAY_TOKEN")

# Names that the services' own tools use, too.
ALIASES = {"COHERE_API_KEY": ("CO_API_KEY",), "GEMINI_API_KEY": ("GOOGLE_API_KEY",)}

SHORTEST_SIGNING_SECRET = 32


def load(environment=os.environ):
    """Reads the settings; a `SettingsError` names everything that is missing at once."""

    def value(name):
        for candidate in (name, *ALIASES.get(name, ())):
            if environment.get(candidate):
                return environment[candidate]
        return DEFAULTS.get(name, "")

    needed = (*SECRETS, "QDRANT_URL")
    missing = [name for name in needed if not value(name)]
    if any(value(name) for name in GATEWAY):
        missing += [name for name in GATEWAY if not value(name)]
    if missing:
        raise SettingsError("missing variables: " + ", ".join(missing))
    if len(value("SESSION_SIGNING_SECRET")) < SHORTEST_SIGNING_SECRET:
        raise SettingsError(f"SESSION_SIGNING_SECRET needs at least {SHORTEST_SIGNING_SECRET} characters")
    mode = value("PROVIDER_MODE")
    if mode not in ("double", "live"):
        raise SettingsError("PROVIDER_MODE is neither double nor live")
    return Settings(
        app_env=value("APP_ENV"),
        debug=value("DEBUG").lower() in ("1", "true", "yes", "on"),
        port=number("PORT", value("PORT"), 0, 65535),
        log_level=value("LOG_LEVEL"),
        session_ttl_minutes=number("SESSION_TTL_MINUTES", value("SESSION_TTL_MINUTES"), 1, 525600),
        questions_a_minute=number("QUESTIONS_A_MINUTE", value("QUESTIONS_A_MINUTE"), 1, 1000000),
        database_env_file=value("DATABASE_ENV_FILE"),
        provider_mode=mode,
        openai_model=value("OPENAI_MODEL"),
        cohere_model=value("COHERE_MODEL"),
        gemini_model=value("GEMINI_MODEL"),
        qdrant_url=value("QDRANT_URL").rstrip("/"),
        qdrant_collection=value("QDRANT_COLLECTION"),
        double_port=number("DOUBLE_PORT", value("DOUBLE_PORT"), 0, 65535),
        gateway_visit_seconds=number("GATEWAY_VISIT_SECONDS", value("GATEWAY_VISIT_SECONDS"), 1, 86400),
        gateway_visit_rpm=number("GATEWAY_VISIT_RPM", value("GATEWAY_VISIT_RPM"), 1, 1000),
        gateway_visit_budget=value("GATEWAY_VISIT_BUDGET"),
        gateway_url=value("GATEWAY_URL").rstrip("/"),
        gateway_api=value("GATEWAY_API").rstrip("/"),
        gateway_key=value("GATEWAY_KEY"),
        gateway_token=Secret(value("GATEWAY_TOKEN")),
        **{name.lower(): Secret(value(name)) for name in SECRETS},
        **{
            name.lower(): environment[name].rstrip("/")
            for name in ("OPENAI_BASE_URL", "COHERE_BASE_URL", "GEMINI_BASE_URL")
            if environment.get(name)
        },
    )


def number(name, text, least, most):
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise SettingsError(f"{name} is no number from {least} to {most}")
    return int(text)
