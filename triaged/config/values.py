"""What every section of the settings is built of: the strict base, and the values that a site writes.

Must not know the sections.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError, PydanticKnownError

from triaged.study.kinds import KINDS
from triaged.study.people import person_name

VIEWER_NAMES = ("study_instance_uid", "accession_number")
"""What the address of a study in the site's viewer can be made of."""


class Section(BaseModel):
    """A mapping in the file: no unknown key, no conversion, no change afterwards."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", validate_default=True)


def wrong(expected: str, *, key: str = "", place: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """Return an error that says what was expected, where a relation is broken.

    That is at `key` below the validated value, or deeper, at `place`.
    """
    where = place or ((key,) if key else ())
    return PydanticCustomError("expected", "{expected}", {"expected": expected, "place": list(where)})


def refused(error: ValueError) -> PydanticCustomError:
    """Return a room's own refusal of its options, which says what it expected and found."""
    return PydanticCustomError("refused", "{message}", {"message": str(error)})


def resolved(path: Path, info: ValidationInfo) -> Path:
    """Return a path of the file, relative to the file's folder, as an absolute one."""
    return path if info.context is None else (info.context["folder"] / path.expanduser()).resolve()


def _ae_title(text: str) -> str:
    if not 1 <= len(text) <= 16 or text != text.strip() or not text.isascii() or not text.isprintable() or "\\" in text:
        raise wrong("an AE title: 1 to 16 ASCII characters, no backslash, no space at either end")
    return text


def _host(text: str) -> str:
    if not text or any(character.isspace() for character in text) or "/" in text:
        raise wrong("a host name or an IP address, without scheme or path")
    return text


def _database_url(url: str, info: ValidationInfo) -> str:
    scheme, separator, rest = url.partition("://")
    if separator and "@" in rest.rpartition("@")[0]:
        raise wrong("a password in which @ is written %40, / %2F, : %3A and % %25")
    if separator and scheme in ("postgresql", "postgresql+psycopg") and rest:
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1 and rest != "/:memory:":
        return f"sqlite:///{resolved(Path(rest[1:]), info)}"
    raise wrong("sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE")


def _viewer_url(url: str) -> str:
    """Return a template of a viewer's address; what it may name is in braces."""
    plain = url
    for name in VIEWER_NAMES:
        plain = plain.replace(f"{{{name}}}", "x")
    parts = urlsplit(plain)
    odd = any(character in "{}" or character.isspace() or not character.isprintable() for character in plain)
    host = urlsplit(url).netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or odd or "{" in host or plain == url:
        names = " or ".join(f"{{{name}}}" for name in VIEWER_NAMES)
        raise wrong(f"an address that begins with http:// or https://, with {names} after the host")
    return url


def _person_name(text: str) -> str:
    try:
        return person_name(text)
    except ValueError as error:
        raise wrong(str(error).removeprefix("expected ")) from None


def _object_name(value: object) -> object:
    names = [repr(kind.name) for kind in KINDS.values() if not kind.combines]
    if repr(value) not in names:
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(names[:-1])} or {names[-1]}"})
    return value


AETitle = Annotated[str, AfterValidator(_ae_title)]
Host = Annotated[str, AfterValidator(_host)]
ViewerUrl = Annotated[str, AfterValidator(_viewer_url)]
PersonName = Annotated[str, AfterValidator(_person_name)]
ObjectName = Annotated[str, BeforeValidator(_object_name)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Wait = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Minutes = Annotated[int, Field(ge=0, le=7 * 24 * 60)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
ResolvedPath = Annotated[Path, Field(strict=False), AfterValidator(resolved)]
