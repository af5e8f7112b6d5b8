"""Django settings: the same for the embedded set-up and for production; only addresses, keys and logins differ.

Everything comes from the environment, which `governance.runtime.entry` fills for the embedded services.
One process holds one database login, named by ``MUNIMENT_LOGIN``.
"""

import gc
import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from governance.runtime.pooled import PooledConnection

# Python looks for garbage in rings after each 700 new objects. Importing Django, or rendering a list, makes hundreds of
# thousands of which hardly one is: that took a quarter of each process's start.
gc.set_threshold(50_000, 20, 50)

BASE_DIR = Path(__file__).resolve().parent.parent
MUNIMENT_HOME = Path(os.environ.get("MUNIMENT_HOME") or BASE_DIR / "var").absolute()
MUNIMENT_PORT = int(os.environ.get("MUNIMENT_PORT") or 8000)
MUNIMENT_ENV = os.environ.get("MUNIMENT_ENV", "embedded")
PRODUCTION = MUNIMENT_ENV == "production"
MUNIMENT_URL = os.environ.get("MUNIMENT_URL") or f"http://localhost:{MUNIMENT_PORT}"
DEBUG = os.environ.get("MUNIMENT_DEBUG") == "1" and not PRODUCTION

# The embedded set-up's entry point makes this; without one (schema, type checks) sessions last as long as the process.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or os.urandom(32).hex()
if PRODUCTION and "DJANGO_SECRET_KEY" not in os.environ:
    raise ImproperlyConfigured("Set DJANGO_SECRET_KEY: a production start does not invent one.")

ALLOWED_HOSTS = [h for h in os.environ.get("MUNIMENT_HOSTS", "localhost,127.0.0.1,[::1]").split(",") if h]
CSRF_TRUSTED_ORIGINS = [MUNIMENT_URL]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "governance.apps.GovernanceConfig",
    "lineage.apps.LineageConfig",
    "approvals.apps.ApprovalsConfig",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "governance.api.middleware.RequestIdMiddleware",
    "governance.api.middleware.SecurityHeadersMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "governance.api.middleware.KeyedCallMiddleware",  # those below are for pages
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


# --- Database: one login per process -------------------------------------------------------------------------------

LOGIN_URLS = {
    "app": "DATABASE_URL",
    "owner": "DATABASE_OWNER_URL",
    "sealer": "DATABASE_SEALER_URL",
    "auditor": "DATABASE_AUDITOR_URL",
}
MUNIMENT_LOGIN = os.environ.get("MUNIMENT_LOGIN", "app")
if MUNIMENT_LOGIN not in LOGIN_URLS:
    raise ImproperlyConfigured(f"MUNIMENT_LOGIN is {MUNIMENT_LOGIN!r}; it must be one of {', '.join(LOGIN_URLS)}.")


def connection_parts(url: str) -> dict[str, str]:
    """The parts of a PostgreSQL URL or conninfo string, by libpq's own parser (socket folders included).

    Raises:
        ImproperlyConfigured: libpq cannot read it; the sentence leaves out the password it may hold.
    """
    try:
        return {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except ProgrammingError:
        raise ImproperlyConfigured(
            "A DATABASE_…URL cannot be read. Write it as postgresql://user:password@host:5432/database, with special"
            " characters in the password percent-encoded."
        ) from None


# Role names of the four logins, for the guards that grant to them. Unset: the name the embedded server uses.
DATABASE_LOGINS = {
    login: connection_parts(os.environ[variable])["user"] if os.environ.get(variable) else f"muniment_{login}"
    for login, variable in LOGIN_URLS.items()
}


def database(login: str) -> dict[str, Any]:
    """Django's settings for one login; without its URL, a name that fails with libpq's own clear sentence."""
    parts = connection_parts(os.environ.get(LOGIN_URLS[login], ""))
    known = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    options: dict[str, Any] = {key: value for key, value in parts.items() if key not in known}
    # A pool only where threads serve requests: commands and workers hold one connection each.
    if os.environ.get("MUNIMENT_POOL") == "1":
        options["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10, "connection_class": PooledConnection}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "muniment",
        **{known[key]: value for key, value in parts.items() if key in known},
        "OPTIONS": options,
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 0 if "pool" in options else 60,
    }


DATABASES = {"default": database(MUNIMENT_LOGIN)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# PostgreSQL's trigger writes the history; simple-history reads it (docs/decisions/0001).
SIMPLE_HISTORY_ENABLED = False
SIMPLE_HISTORY_DATE_INDEX = False
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_PERMISSIONS_ENABLED = False

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")

# --- Sign-in -------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "governance.accounts.adapter.AccountAdapter"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = False

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_NAME = f"muniment_session_{MUNIMENT_PORT}"  # two copies on localhost share cookies across ports
CSRF_COOKIE_NAME = f"muniment_csrf_{MUNIMENT_PORT}"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "governance.api.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION and MUNIMENT_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Language, time, static files, mail, logs ----------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "governance" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# The form on all columns of a wide table has some fields per column (lineage/pages/answers.py: 1,000 rows at most).
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

STATIC_URL = "static/"
# Served from the apps' own folders; a proxy that serves them itself gets them by collectstatic into this one.
STATIC_ROOT = os.environ.get("MUNIMENT_STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", "governance.outbox.mailbox.FileMailbox")
EMAIL_FILE_PATH = MUNIMENT_HOME / "mail"
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT") or 25)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("EMAIL_USE_TLS") == "1"
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "Muniment <muniment@localhost>")

CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "governance_cache"}}

#: Days before something runs out at which those concerned are reminded, joined by commas.
REMINDER_DAYS = tuple(
    sorted({int(part) for part in (os.environ.get("MUNIMENT_REMINDER_DAYS") or "30,7,1").split(",") if part.strip()})
)

#: Days that the file of a job, such as an evidence pack, can be downloaded.
JOB_FILE_DAYS = int(os.environ.get("MUNIMENT_JOB_FILE_DAYS") or 7)

#: "json", one object a line for machines, or "line" for people.
MUNIMENT_LOG_FORMAT = os.environ.get("MUNIMENT_LOG_FORMAT") or ("json" if PRODUCTION else "line")
if MUNIMENT_LOG_FORMAT not in ("json", "line"):
    raise ImproperlyConfigured(f"MUNIMENT_LOG_FORMAT is {MUNIMENT_LOG_FORMAT!r}; it must be json or line.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "governance.logs.LineFormatter", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "governance.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": MUNIMENT_LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": os.environ.get("MUNIMENT_LOG_LEVEL", "WARNING")},
    "loggers": {
        # One line a request: in production, where a machine reads them.
        "muniment.requests": {"level": "INFO" if MUNIMENT_LOG_FORMAT == "json" else "WARNING"},
        # Ours says the same, with the request's id and without the address.
        "django.request": {"level": "ERROR"},
    },
}

# --- Bringing in what exists ---------------------------------------------------------------------------------------

# MLflow servers that inventories may be read from, as their base addresses; none is reached that is not listed. Private
# addresses (10.…, localhost) are reached only of servers listed here, if the operator says they are the house's own.
MLFLOW_SERVERS = os.environ.get("MUNIMENT_MLFLOW_SERVERS", "").split()
MLFLOW_PRIVATE = os.environ.get("MUNIMENT_MLFLOW_PRIVATE") == "1"
# A file of secrets, one entry per server (lineage/tracking/secrets.py); no secret is for all of them.
MLFLOW_SECRETS = os.environ.get("MUNIMENT_MLFLOW_SECRETS", "")
# How much of an artifact a worker reads in order to hash it, in GiB.
TRACKING_MAX_GIB = int(os.environ.get("MUNIMENT_TRACKING_MAX_GIB") or 20)

# --- Profiles of data files ------------------------------------------------------------------------------------------

# What the profile of one file may take of a worker: seconds, MiB of memory, MiB of the file (of what is unpacked, too).
PROFILE_SECONDS = float(os.environ.get("MUNIMENT_PROFILE_SECONDS") or 900)
PROFILE_MEMORY_MIB = int(os.environ.get("MUNIMENT_PROFILE_MEMORY_MIB") or 1024)
PROFILE_MAX_MIB = int(os.environ.get("MUNIMENT_PROFILE_MAX_MIB") or 4096)
# MiB of a file that is uploaded. It lies in PROFILE_PLACE until it is profiled; web and workers share that folder.
PROFILE_UPLOAD_MIB = int(os.environ.get("MUNIMENT_PROFILE_UPLOAD_MIB") or 1024)
PROFILE_PLACE = Path(os.environ.get("MUNIMENT_PROFILE_PLACE") or MUNIMENT_HOME / "profiling")
# Folders from which file: locations are read, joined by ":"; "retail=/data/retail" is for one namespace alone.
PROFILE_FOLDERS = [
    (one.rpartition("=")[0], one.rpartition("=")[2])
    for one in os.environ.get("MUNIMENT_PROFILE_FOLDERS", "").split(os.pathsep)
    if one
]
# Servers of the house's own, as base addresses: reached at private addresses, and over http, when a location says so.
PROFILE_SERVERS = os.environ.get("MUNIMENT_PROFILE_SERVERS", "").split()

# --- API -----------------------------------------------------------------------------------------------------------

# Calls an account may make in a minute, over all its keys and sessions; 0: as many as it likes.
RATE_LIMIT = int(os.environ.get("MUNIMENT_RATE_LIMIT") or 6000)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.api.authentication.ApiKeyAuthentication",
        "governance.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["governance.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "governance.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "governance.api.schema.RecordSchema",
    "EXCEPTION_HANDLER": "governance.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Muniment",
    "VERSION": "1",
    "DESCRIPTION": "Governance and audit record for machine learning.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "governance.api.enumerations.name_enumerations",
        "governance.api.enumerations.loosen_sparse_answers",
        "governance.api.answers.tell_headers",
        "governance.api.answers.share_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RunInputRole": "lineage.api.bodies.INPUT_ROLES",
        "RunOutputRole": "lineage.api.bodies.OUTPUT_ROLES",
        "EndKind": "approvals.api.serializers_promotions.END_KINDS",
        "ComparedWith": "approvals.api.serializers_comparison.OTHERS",
        "LineageKind": "lineage.neighbourhood.KINDS",
    },
}
