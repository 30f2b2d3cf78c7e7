"""Files by slixmpp's own plugin of XEP-0363: found, put and fetched over real HTTP."""

import urllib.request

from client import Client
from reef import Reef, free_ports

PORT = free_ports(1)[0]
FIXTURES = {"": lambda: Reef(f'http.listen=["127.0.0.1:{PORT}"]')}


def fetch(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        return answer.status, dict(answer.headers), answer.read()


async def test_a_file_is_put_by_the_plugin_and_fetched_by_anybody(reef):
    await reef.users("juliet")
    juliet = await Client(reef, "juliet", plugins=["xep_0363"]).login()
    path = f"{reef.dir.name}/très cool.png"
    data = bytes(range(256)) * 4096
    with open(path, "wb") as file:
        file.write(data)
    url = await juliet["xep_0363"].upload_file(path, content_type="image/png")
    assert url.endswith("/tr%C3%A8s%20cool.png"), url
    status, headers, body = fetch(url)
    assert (status, body == data, headers["content-type"]) == (200, True, "image/png"), headers
    status, headers, body = fetch(url, Range="bytes=1000-1999")
    assert (status, body) == (206, data[1000:2000]), headers
    shown = (await reef.json("user", "show", juliet.bare))[0]
    assert shown["upload_bytes"] == len(data), shown
    await juliet.quit()


async def test_a_file_that_is_too_large_is_seen_by_the_plugin(reef):
    await reef.users("romeo")
    romeo = await Client(reef, "romeo", plugins=["xep_0363"]).login()
    try:
        await romeo["xep_0363"].upload_file("large", size=1 << 40, content_type="image/png", input_file=b"")
        raise AssertionError("it was taken")
    except Exception as error:  # noqa: BLE001
        assert type(error).__name__ == "FileTooBig", error
    await romeo.quit()
