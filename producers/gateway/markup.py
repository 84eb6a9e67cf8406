"""XML as cameras send it, read with defusedxml: no DTD, so no entities and nothing fetched; no namespaces."""

from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from producers.gateway.readings import RefusedError


def read_xml(document: bytes) -> Element:
    """The root element, all tags without their namespace. Raises RefusedError on anything that is not plain XML."""
    try:
        root: Element = fromstring(document.lstrip(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise RefusedError("malformed", f"XML with a DTD or entities ({type(error).__name__})") from error
    except (ParseError, ValueError, LookupError) as error:
        raise RefusedError("malformed", f"not XML: {error}") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text_of(element: Element, path: str) -> str | None:
    """The text at `path` below `element`, stripped; None where there is none."""
    text = element.findtext(path)
    return text.strip() if text and text.strip() else None
