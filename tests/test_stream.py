"""Images decoded from a JSON answer are what a parse of the whole answer gives."""

import base64
import binascii
import json
import os
import random
import re
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdwebui.answers.base64_decoder import ImageText
from sdwebui.answers.stream import AnswerReader
from sdwebui.errors import (
    AnswerCutOff,
    AnswerNotJSON,
    AnswerTooLarge,
    BadAnswer,
    NotAnImage,
    WebUIError,
)
from tests.recordings import PACKS, SHORTENED, cases

# --- what a parse of the whole answer gives ------------------------------------------------------


class Pairs(list[tuple[str, Any]]):
    """A JSON object that keeps keys that come twice."""


def decoded(text: str | None) -> bytes:
    """The image a JSON string stands for, by the standard library."""
    plain = (text or "").encode("ascii").translate(None, b" \t\r\n")
    if plain[:5].lower() == b"data:":
        head, comma, plain = plain.partition(b",")
        if not comma or not re.fullmatch(rb"[\w:;/.+=-]{0,249};(?i:base64)", head):
            raise binascii.Error
    if plain.endswith(b"===") or (len(plain) % 4):
        raise binascii.Error
    return base64.b64decode(plain, validate=True)


def parsed(body: bytes) -> tuple[list[bytes], dict[str, Any]]:
    """Images and rest of a whole answer.

    Raises:
        ValueError, RecursionError: It is no JSON object.
        NotAnImage: It holds an image that is none.
    """
    text = body.decode("utf-8", "surrogatepass").removeprefix("\ufeff")
    pairs = json.loads(text, object_pairs_hook=Pairs)
    if not isinstance(pairs, Pairs):
        raise ValueError("no object")  # noqa: TRY004 - as json.loads raises
    images: list[bytes] = []
    rest = json.loads(text)
    try:
        for key, value in pairs:
            if key == "images" and isinstance(value, list) and not isinstance(value, Pairs):
                for element in value:
                    if element is not None and not isinstance(element, str):
                        raise NotAnImage("an element that is no text")
                    images.append(decoded(element))
            elif key == "image" and isinstance(value, str):
                images.append(decoded(value))
    except ValueError as error:
        raise NotAnImage("not base64") from error
    if isinstance(rest.get("images"), list):
        del rest["images"]
    if isinstance(rest.get("image"), str):
        del rest["image"]
    rest.pop("parameters", None)
    return images, rest


def streamed(chunks: Sequence[bytes | memoryview]) -> tuple[list[bytes], dict[str, Any]]:
    reader = AnswerReader()
    images = [image for chunk in chunks for image in reader.feed(chunk)]
    return images, reader.finish()


def same(one: Any, other: Any) -> bool:
    """Equality in which NaN equals NaN and 1 is not 1.0 or true."""
    return repr(one) == repr(other)


# --- answers of any kind -------------------------------------------------------------------------

KEYS = ["images", "image", "parameters", "info"]

# Texts rich in what could be mistaken for the end of something.
texts = st.text(max_size=12) | st.text(st.sampled_from('"\\/{}[],:nu0 \n\té語😀'), max_size=12)
numbers = st.integers() | st.floats() | st.booleans() | st.none()
values = st.recursive(
    numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(st.tuples(st.sampled_from(KEYS) | texts, inner), max_size=4).map(Pairs)
    ),
    max_leaves=12,
)


@st.composite
def images(draw: st.DrawFn) -> str | None:
    """The text of an image: mostly plain, at times with what servers and proxies add."""
    plain = base64.b64encode(draw(st.binary(max_size=40))).decode()
    match draw(st.integers(0, 6)):
        case 0:
            return draw(st.sampled_from(["", None, "data:image/png;base64,"]))
        case 1:
            return draw(st.sampled_from(["data:image/png;base64,", "DATA:;BASE64,"])) + plain
        case 2:
            cuts = draw(st.lists(st.integers(0, len(plain)), max_size=4).map(sorted))
            pieces = [plain[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
            return draw(st.sampled_from(["\r\n", " ", "\n\n\t"])).join(pieces)
        case _:
            return plain


lists_of_images = st.lists(images(), max_size=4)
entries = st.one_of(
    st.tuples(st.just("images"), lists_of_images),
    st.tuples(st.just("image"), images()),
    st.tuples(st.sampled_from(KEYS) | texts, values),
).filter(lambda entry: entry[0] not in {"images", "image"} or fits(entry))


def fits(entry: tuple[str, Any]) -> bool:
    try:
        parsed(json.dumps(dict([entry])).encode())
    except NotAnImage:
        return False
    return True


def spelled(value: Any, dice: random.Random, *, raw: float) -> str:
    """``value`` as JSON in any legal way of writing it; ``raw`` is the share of raw letters."""

    def gap() -> str:
        return "".join(dice.choices(" \t\r\n", k=dice.randrange(3))) if dice.random() < 0.3 else ""

    def letter(character: str) -> str:
        code = ord(character)
        short = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
        if character in '"\\/' + "".join(short) and dice.random() < 0.5:
            return "\\" + short.get(character, character)
        if (character in '"\\' or code < 0x20) or dice.random() > raw:
            units = character.encode("utf-16-be", "surrogatepass").hex()
            units = "".join(dice.choice([unit.lower(), unit.upper()]) for unit in units)
            return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        return character

    match value:
        case str():
            return '"' + "".join(map(letter, value)) + '"'
        case Pairs():
            members = [
                f"{gap()}{spelled(key, dice, raw=raw)}{gap()}:{gap()}"
                f"{spelled(inner, dice, raw=raw)}{gap()}"
                for key, inner in value
            ]
            return "{" + (",".join(members) or gap()) + "}"
        case list():
            elements = [gap() + spelled(inner, dice, raw=raw) + gap() for inner in value]
            return "[" + (",".join(elements) or gap()) + "]"
        case _:
            return json.dumps(value)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    pairs = Pairs(draw(st.lists(entries, max_size=6)))
    dice = draw(st.randoms(use_true_random=False))
    text = spelled(pairs, dice, raw=draw(st.sampled_from([1.0, 0.9, 0.0])))
    bom = draw(st.sampled_from(["", "", "\ufeff"]))
    return f"{bom}{text}{draw(st.sampled_from(['', ' ', chr(10)]))}".encode(
        "utf-8", "surrogatepass"
    )


@st.composite
def cut(draw: st.DrawFn, body: bytes) -> list[bytes]:
    size = draw(st.none() | st.integers(1, 9))
    if size:
        return [body[at : at + size] for at in range(0, len(body), size)]
    places = draw(st.lists(st.integers(0, len(body)), max_size=8).map(sorted))
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


# --- right for every answer ----------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(answers(), st.data())
def test_any_answer_cut_anywhere_gives_what_a_whole_parse_gives(
    body: bytes, data: st.DataObject
) -> None:
    assert same(streamed(data.draw(cut(body))), parsed(body))


@settings(max_examples=100, deadline=None)
@given(answers())
def test_an_answer_that_ends_early_never_passes(body: bytes) -> None:
    assert body.rstrip()
    for length in range(len(body.rstrip())):
        with pytest.raises(AnswerCutOff):
            streamed([body[:length]])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An answer in which some bytes were deleted, doubled or replaced."""
    body = bytearray(draw(answers()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        new = draw(st.sampled_from([b"", b'"', b"\\", b"}", b"{", b"[", b"]", b",", b":", b"n"]))
        new = draw(st.just(new) | st.binary(max_size=2))
        body[at : at + draw(st.integers(0, 2))] = new
    return bytes(body)


@settings(max_examples=700, deadline=None)
@given(damaged() | st.binary(max_size=30), st.data())
@example(b"", None)
@example(b"\xef\xbb\xbf\xef\xbb\xbf{}", None)
@example(b'{"parameters": {1: 2}}', None)
@example(b'{"parameters": {"a": "\xff"}}', None)
@example(b'{"parameters": {"a": "\xe8\xaa"}}', None)
@example(b'{"a": "\xed\xa0\x80", "parameters": "\xed\xa0\x80"}', None)
@example(b'{"parameters": {"a": "\\x"}}', None)
@example(b'{"parameters": {"a": "\n"}}', None)
@example(b'{"a": "\\u12g4"}', None)
@example(b'{"images": ["AAAA" "AAAA"]}', None)
@example(b'{"images": [nul]}', None)
@example(b'{"images": [Infinity]}', None)
@example(b'{"images": ["AAAA"]]', None)
@example(b'{"images": ["AAAA"]} {"images": []}', None)
@example(b'[{"images": ["AAAA"]}]', None)
@example('{"images": ["AAAA"]}'.encode("utf-16"), None)
@example(b'{"a": ' + b"9" * 5000 + b"}", None)
@example(b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", None)
def test_damage_is_found_wherever_a_whole_parse_finds_it(
    body: bytes, data: st.DataObject | None
) -> None:
    chunks = data.draw(cut(body)) if data else [body]
    try:
        wanted = parsed(body)
    except (NotAnImage, ValueError, RecursionError):
        with pytest.raises(BadAnswer):
            streamed(chunks)
    else:
        assert same(streamed(chunks), wanted)


def test_recorded_answers_of_real_servers_give_what_a_whole_parse_gives() -> None:
    with_images = 0
    for body in recorded_bodies():
        wanted = parsed(body)
        for size in (61, 4096):
            chunks = [body[at : at + size] for at in range(0, len(body), size)]
            assert same(streamed(chunks), wanted)
        with_images += bool(wanted[0])
    assert with_images > 200


def recorded_bodies() -> Iterator[bytes]:
    for case in (case for family in PACKS for case in cases(family)):
        if isinstance(case.answer, dict) and {"image", "images"} & case.answer.keys():
            body = json.dumps(case.answer, ensure_ascii=False)
            # Long images are shortened in the recordings, so that they are no base64 any more.
            if SHORTENED not in body:
                yield body.encode()


# --- each promise by itself ----------------------------------------------------------------------


def one_by_one(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


@pytest.mark.parametrize(
    ("body", "images", "rest"),
    [
        (b'{"images": ["QUJD", "REVG"], "info": "{}"}', [b"ABC", b"DEF"], {"info": "{}"}),
        (b'{"info": "{}", "images": ["QUI="]}', [b"AB"], {"info": "{}"}),
        (b'{"html_info": "<p>", "image": "QQ=="}', [b"A"], {"html_info": "<p>"}),
        (b'{"images": []}', [], {}),
        (b'{"images": ["", null, "QUJD"]}', [b"", b"", b"ABC"], {}),
        (b'{"image": ""}', [b""], {}),
        (b'{"image": null}', [], {"image": None}),
        (b'{"images": null}', [], {"images": None}),
        (b'{"images": "QUJD"}', [], {"images": "QUJD"}),
        (b'{"images": {"images": ["QUJD"]}}', [], {"images": {"images": ["QUJD"]}}),
        (b'{"image": ["QUJD"]}', [], {"image": ["QUJD"]}),
        (
            b'{"a": {"images": ["QUJD"], "image": "QQ=="}}',
            [],
            {"a": {"images": ["QUJD"], "image": "QQ=="}},
        ),
        (b'{"a": "images", "b": ["QUJD"]}', [], {"a": "images", "b": ["QUJD"]}),
        (b'{"\\u0069mages": ["QUJD"]}', [b"ABC"], {}),
        (b'{"images": ["QUJD"], "images": ["REVG"]}', [b"ABC", b"DEF"], {}),
        (b'{"images": ["QUJD"], "images": 5}', [b"ABC"], {"images": 5}),
        (b'{"parameters": {"init_images": ["x"], "n": 1}, "images": ["QUJD"]}', [b"ABC"], {}),
        (b'{"parameters": "images", "a": 1}', [], {"a": 1}),
        (b'{"info": "\\"images\\": [\\"QUJD\\"] \\\\"}', [], {"info": '"images": ["QUJD"] \\'}),
        (b"\xef\xbb\xbf{}", [], {}),
    ],
)
def test_what_is_an_image_and_what_stays(
    body: bytes, images: list[bytes], rest: dict[str, Any]
) -> None:
    assert streamed([body]) == (images, rest)
    assert streamed(one_by_one(body)) == (images, rest)
    assert streamed([memoryview(body)]) == (images, rest)


@pytest.mark.parametrize(
    "text",
    [
        "+/+/QUI=",
        "+\\/+\\/QUI=",
        "\\u002b/+/QUI\\u003D",
        "+/+/\\r\\nQUI=\\n",
        " +/+/ Q UI = ",
        "data:image/png;base64,+/+/QUI=",
        "data:image\\/png;base64,+\\/+\\/QUI=",
        "data:image/png;base64, +/+/\\nQUI=",
        "Data:image/svg+xml;charset=utf-8;base64,+/+/QUI=",
        "\\u0064ata:;base64,+/+/QUI=",
    ],
)
def test_every_legal_spelling_of_an_image_is_read(text: str) -> None:
    body = f'{{"images": ["{text}"]}}'.encode()
    for chunks in ([body], one_by_one(body), [body[:15], body[15:]], [body[:22], body[22:]]):
        assert streamed(chunks)[0] == [b"\xfb\xff\xbfAB"]


def test_bytes_that_spell_the_start_of_a_data_url_are_an_image_of_their_own() -> None:
    for text in ("data", "dataAAAA", "d0==", "DATA"):
        body = f'{{"images": ["{text}"]}}'.encode()
        for chunks in ([body], one_by_one(body)):
            assert streamed(chunks)[0] == [base64.b64decode(text)]


@pytest.mark.parametrize(
    "text",
    [
        "QUI",
        "QUJD=",
        "QQ=",
        "QQ==QQ==",
        "QUJDQQ==QUJD",
        "====",
        "Q===",
        "A",
        "AA-_",
        "!!!!",
        "QUJD\\u00e9",
        "QUJD\u00e9",
        "QUJD\\\\AAA",
        "QUJD\\",
        'QUJD\\"QUJD',
        "QUJD\\x41",
        "QUJD\n",
        "http://example.org/a.png",
        "data:image/png,QUJD",
        "data:image/png;base64",
        "data:,",
        "data:" + "x" * 300 + ";base64,QUJD",
        "data:image\\\\u002fpng;base64,QUJD",
        "<base64 left out>",
    ],
)
def test_an_image_that_is_not_strict_base64_is_refused(text: str) -> None:
    body = f'{{"images": ["QUJD", "{text}"]}}'.encode()
    for chunks in ([body], one_by_one(body)):
        with pytest.raises(NotAnImage, match="Image 2 "):
            streamed(chunks)


@pytest.mark.parametrize("element", ["1", "true", "{}", "[]", '["QUJD"]', '{"image": "QUJD"}'])
def test_a_list_of_images_with_something_else_in_it_is_refused(element: str) -> None:
    for body in (f'{{"images": [{element}]}}', f'{{"images": ["QUJD", {element}, "QUJD"]}}'):
        with pytest.raises(NotAnImage):
            streamed([body.encode()])


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html>", b"Internal Server Error", b"[", b"null", b'"']
)
def test_what_is_no_json_object_is_refused_at_its_first_byte(body: bytes) -> None:
    with pytest.raises(AnswerNotJSON, match="base_url"):
        AnswerReader().feed(body)


def test_an_answer_that_goes_on_after_its_end_is_refused_at_once() -> None:
    reader = AnswerReader()
    reader.feed(b'{"images": []}\n')
    with pytest.raises(AnswerNotJSON):
        reader.feed(b"{")


# --- limits --------------------------------------------------------------------------------------


def test_an_answer_over_the_limit_is_refused_as_soon_as_it_passes_it() -> None:
    body = b'{"images": ["' + b"QUJD" * 100 + b'"]}'
    reader = AnswerReader(max_bytes=len(body))
    assert reader.feed(body) == [b"ABC" * 100]
    with pytest.raises(AnswerTooLarge, match=f"{len(body)}"):
        reader.feed(b" ")


@pytest.mark.parametrize(
    "body", [b'{"info": "' + b"x" * 2000, b'{"info": [' + b"1," * 1000, b'{"' + b"k" * 2000]
)
def test_a_rest_over_its_limit_is_refused_before_its_end(body: bytes) -> None:
    reader = AnswerReader(max_rest=1000)
    with pytest.raises(AnswerTooLarge, match="1,000"):
        reader.feed(body)


@pytest.mark.parametrize("key", ["parameters", "".join(f"\\u{ord(c):04x}" for c in "parameters")])
def test_neither_images_nor_the_strings_of_parameters_count_as_rest(key: str) -> None:
    image = base64.b64encode(bytes(3000)).decode()
    answer = {"images": [image], "parameters": {"init_images": [image], "prompt": "é\n" * 2000}}
    body = json.dumps(answer, ensure_ascii=False).replace("parameters", key).encode()
    reader = AnswerReader(max_rest=120)
    assert reader.feed(body) == [bytes(3000)]
    assert reader.finish() == {}


# --- fast and small ------------------------------------------------------------------------------


def answer_in_chunks(count: int, size: int, *, chunk: int, **others: Any) -> Iterator[bytes]:
    """A large answer that is never held whole."""
    held = b'{"images": ['
    for number in range(count):
        image = bytes([number]) * size
        step = chunk // 4 * 3
        held += b', "' if number else b'"'
        for at in range(0, size, step):
            held += base64.b64encode(image[at : at + step])
            while len(held) >= chunk:
                yield held[:chunk]
                held = held[chunk:]
        held += b'"'
    held += b"]" + b"".join(b", " + json.dumps({k: v}).encode()[1:-1] for k, v in others.items())
    yield held + b"}"


def test_memory_grows_with_one_image_and_not_with_the_answer() -> None:
    size, count = 5 * 2**20 // 4 * 3, 8
    reader = AnswerReader()
    lengths: list[int] = []
    tracemalloc.start()
    try:
        for chunk in answer_in_chunks(count, size, chunk=64 * 1024, info="{}"):
            for image in reader.feed(chunk):
                lengths.append(len(image))
                assert image == bytes([len(lengths) - 1]) * size
                del image
        reader.finish()
        # One image is the test's own, from which the answer is made.
        peak = tracemalloc.get_traced_memory()[1] - size
    finally:
        tracemalloc.stop()
    assert lengths == [size] * count
    assert peak < 2.2 * size


def test_nothing_of_an_image_stays_behind_once_it_is_handed_over() -> None:
    size = 3 * 2**20
    body = b'{"images": ["' + base64.b64encode(bytes(size)) + b'"'
    reader = AnswerReader()
    tracemalloc.start()
    try:
        assert [len(image) for image in reader.feed(body)] == [size]
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert left < 64 * 1024


def test_parameters_that_echo_the_request_take_no_memory() -> None:
    size = 9 * 2**20
    echo = base64.b64encode(os.urandom(size // 4 * 3))
    chunks = [echo[at : at + 65536] for at in range(0, len(echo), 65536)]
    reader = AnswerReader()
    tracemalloc.start()
    try:
        reader.feed(b'{"parameters": {"init_images": ["')
        for chunk in chunks:
            reader.feed(chunk)
        reader.feed(b'"]}, "images": []}')
        assert reader.finish() == {}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 512 * 1024


def test_an_image_comes_out_at_its_closing_quote() -> None:
    reader = AnswerReader()
    assert reader.feed(b'{"images": ["QUJD') == []
    assert reader.feed(b'"') == [b"ABC"]
    assert reader.feed(b', "RE') == []
    assert reader.feed(b'VG", nul') == [b"DEF", b""]
    assert reader.feed(b'l], "info": "') == []
    assert reader.feed(b'{}"}') == []
    assert reader.finish() == {"info": "{}"}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 1000])
def test_plain_base64_never_takes_the_slow_way(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: ImageText, text: memoryview) -> None:
        raise AssertionError(bytes(text))

    monkeypatch.setattr(ImageText, "_add_odd", slow)
    image = os.urandom(1000)
    body = json.dumps({"images": [base64.b64encode(image).decode()] * 3}).encode()
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert streamed(chunks)[0] == [image] * 3


def test_every_failure_is_one_message_that_names_the_next_step() -> None:
    for body in (b"<html>", b"{", b'{"images": ["!"]}', b'{"images": [0]}', b'{"a" 1}'):
        with pytest.raises(WebUIError) as caught:
            streamed([body])
        (message,) = caught.value.args
        assert any(step in message for step in ("Check", "look", "Look", "switch off"))
