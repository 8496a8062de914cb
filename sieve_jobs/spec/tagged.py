"""Scalars with a tag, and the words about nodes whose tag or value has no place in a spec."""

from __future__ import annotations

from yaml.events import Event, ScalarEvent

from sieve_jobs.codes import Code
from sieve_jobs.spec.document import BuildError, TemplateText, span_of
from sieve_jobs.spec.scalars import NotJsonError, shortened, tagged
from sieve_jobs.wire import Json

_STANDARD = "tag:yaml.org,2002:"
TEXT_TAGS = frozenset({None, "!", _STANDARD + "str"})
MAPPING_TAGS = frozenset({None, "!", _STANDARD + "map"})
SEQUENCE_TAGS = frozenset({None, "!", _STANDARD + "seq"})
_TAG_HINT = "only values that JSON knows are accepted: remove the tag"


def tagged_value(event: ScalarEvent) -> Json:
    """A scalar with an explicit tag of the core schema. Raises BuildError where tag and text do not agree."""
    text, tag = event.value, event.tag or ""
    if tag in TEXT_TAGS:
        return TemplateText(text, plain=False) if "${" in text else text
    try:
        return tagged(text, tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else "")
    except NotJsonError as error:
        raise no_json(error, event) from error
    except KeyError:
        raise unsupported(tag, event) from None
    except ValueError as error:
        raise BuildError(Code.UNSUPPORTED_TAG, str(error), span_of(event)) from error


def written(tag: str | None) -> str:
    """A tag as people write it, shortened."""
    return shortened((tag or "").replace(_STANDARD, "!!"))


def no_json(error: NotJsonError, event: Event) -> BuildError:
    return BuildError(Code.NO_JSON_NUMBER, str(error), span_of(event), hint="quote it to keep it as text")


def unsupported(tag: str | None, event: Event) -> BuildError:
    return BuildError(Code.UNSUPPORTED_TAG, f"the tag {written(tag)} is not supported", span_of(event), hint=_TAG_HINT)
