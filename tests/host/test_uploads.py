"""A plugin's uploads are taken as Dify takes them, and fail as they fail there."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from devkit.files import FileServer, Uploads
from devkit.host import NewAgent, NotCalled, PluginError, PluginHost
from tests.host.fixture import act, echo
from tests.result_views import shown_in

UPLOAD = ["upload", "ä b.png", "bytes\r\n--\r\n\r\n", "image/png"]


def uploaded(host: PluginHost) -> dict[str, Any]:
    upload: dict[str, Any] = act(host, UPLOAD, caller=NewAgent()).jsons[0]
    return upload


@pytest.fixture
def failing(host: PluginHost) -> Iterator[FileServer]:
    yield host.files
    host.files.uploads = Uploads.TAKEN


def test_an_upload_is_kept_and_served(host: PluginHost) -> None:
    upload = uploaded(host)
    file = host.files.uploaded[-1]
    assert (file.filename, file.mime_type, file.data) == (
        "ä b.png",
        "image/png",
        UPLOAD[2].encode(),
    )
    assert requests.get(upload["preview_url"], timeout=5).content == file.data


def test_what_a_plugin_gets_for_its_upload(host: PluginHost) -> None:
    upload = uploaded(host)
    assert f"/files/tools/{upload['id']}.png?timestamp=" in upload.pop("preview_url")
    assert upload == {
        "id": host.files.uploaded[-1].id,
        "name": "ä b.png",
        "size": len(UPLOAD[2]),
        "extension": ".png",
        "mime_type": "image/png",
        "type": "image",
    }


def test_a_large_upload_comes_whole(host: PluginHost) -> None:
    content = "\r\n\0ß" * 2**18
    act(host, ["upload", "a.webp", content, "image/webp"])
    assert host.files.uploaded[-1].data == content.encode()
    assert host.files.uploaded[-1].path.endswith(".webp")


def test_an_unsigned_or_old_address_is_refused(host: PluginHost) -> None:
    url = uploaded(host)["preview_url"]
    assert requests.get(url.partition("?")[0], timeout=5).status_code == 403
    host.files.expire()
    assert requests.get(url, timeout=5).status_code == 403
    assert requests.get(url.replace("/tools/", "/none/"), timeout=5).status_code == 404


def test_a_reference_to_an_upload_works_after_its_address_has_ended(host: PluginHost) -> None:
    upload = uploaded(host)
    host.files.expire()
    record = base64.urlsafe_b64encode(
        json.dumps({"record_id": upload["id"]}, separators=(",", ":")).encode()
    )
    given = {"transfer_method": "tool_file", "reference": f"dify-file-ref:{record.decode()}"}
    assert given["reference"] == host.files.uploaded[-1].reference
    image = echo(host, {"image": given}, NewAgent())["image"]
    assert image["text"] == UPLOAD[2]
    assert image["url"] != upload["preview_url"]


def test_a_plain_id_is_no_reference(host: PluginHost) -> None:
    given = {"transfer_method": "tool_file", "reference": uploaded(host)["id"]}
    with pytest.raises(NotCalled, match="no file"):
        echo(host, {"image": given}, NewAgent())


def test_a_user_sees_the_images_of_an_answer(host: PluginHost) -> None:
    url = uploaded(host)["preview_url"]
    host.files.expire()
    answer = f"Here it is:\n\n![a.png]({url})\n\n[not an image]({url}) ![other](http://a/b.png)"
    assert shown_in(answer, host.files) == [host.files.uploaded[-1]]


@pytest.mark.parametrize(
    ("uploads", "message"),
    [
        (Uploads.NO_FILES_URL, r"Invalid URL '/files/upload/for-plugin\?timestamp="),
        (Uploads.SERVER_ERROR, "upload file failed, status code: 500"),
    ],
)
def test_uploads_can_fail(
    host: PluginHost, failing: FileServer, uploads: Uploads, message: str
) -> None:
    failing.uploads = uploads
    count = len(failing.uploaded)
    with pytest.raises(PluginError, match=message):
        uploaded(host)
    assert len(failing.uploaded) == count


def test_an_address_is_good_for_its_own_file_only(host: PluginHost) -> None:
    address = host.files.upload_address("a.png", "image/png")

    def post(name: str, mime_type: str) -> int:
        files = {"file": (name, b"a", mime_type)}
        return requests.post(address, files=files, timeout=5).status_code

    assert post("b.png", "image/png") == 403
    assert post("a.png", "image/webp") == 403
    assert post("a.png", "image/png") == 201


def test_any_other_call_of_dify_is_a_violation(sloppy: PluginHost) -> None:
    with pytest.raises(PluginError, match="no storage here"):
        act(sloppy, ["store"])
    assert sloppy.violations == ["a backwards invocation of the type 'storage'"]
    assert uploaded(sloppy)["size"] == len(UPLOAD[2])
