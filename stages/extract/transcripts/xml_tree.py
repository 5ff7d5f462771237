"""Read XML that others wrote: no document type, hence no entities, nothing opened elsewhere.

The document type is refused before anything in it is read, so neither a bomb of entities that
hold entities nor one that names a file does anything. What is left of XML grows no larger than
the file.
"""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from hilbert.store.errors import DocumentError


def parse_xml(text: str) -> Element:
    """The root of an XML text.

    Raises
    ------
    DocumentError
        If it is not well formed, or declares a document type; names the line.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text.lstrip(), True)  # text, not bytes: whatever encoding it declares
    except expat.ExpatError as error:
        skipped = text[: len(text) - len(text.lstrip())].count("\n")
        raise DocumentError(
            f"line {error.lineno + skipped} of the transcript is not well-formed XML "
            f"({expat.ErrorString(error.code)}); save it again"
        ) from None
    return builder.close()


def _refuse_doctype(*_: object) -> None:
    raise DocumentError(
        "the transcript is XML that declares a document type, which could hold anything and is "
        "not read; remove its <!DOCTYPE ...>"
    )
