"""Which URLs a webhook may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from yarl import URL

from webhooks.targets import TargetError, check_url


@pytest.fixture(autouse=True)
def _nothing_is_listed(settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://shop.example/hook", "https://shop.example/hook"),
        ("http://shop.example", "http://shop.example/"),
        ("  https://shop.example/hook ", "https://shop.example/hook"),
        ("HTTPS://Shop.EXAMPLE/Hook", "https://shop.example/Hook"),
        ("https://shop.example:443/", "https://shop.example/"),
        ("http://shop.example:443/", "http://shop.example:443/"),
        ("https://shop.example:8443/", "https://shop.example:8443/"),
        ("https://shop.example:/", "https://shop.example/"),
        ("https://shop.example./", "https://shop.example/"),
        ("https://shop.example/a?b=c&d=e/f?g#part", "https://shop.example/a?b=c&d=e/f?g"),
        ("https://shop.example/%2F/a%20b/../c", "https://shop.example/%2F/a%20b/../c"),
        ("https://shop.example/caf\u00e9?q=\u00fc", "https://shop.example/caf%C3%A9?q=%C3%BC"),
        ('https://shop.example/"<>{}', "https://shop.example/%22%3C%3E%7B%7D"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("https://\uff53hop\u3002example/", "https://shop.example/"),
        ("https://demo_receiver:3000/", "https://demo_receiver:3000/"),
        ("https://localhost:3000/", "https://localhost:3000/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2001:4860:4860:0:0:0:0:8888]/", "https://[2001:4860:4860::8888]/"),
    ],
)
def test_a_good_url_is_brought_into_its_normal_form(url: str, normal: str) -> None:
    assert check_url(url) == normal


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must begin with https"),
        ("shop.example/hook", "must begin with https"),
        ("//shop.example/", "must begin with https"),
        ("ftp://shop.example/", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("gopher://shop.example/", "must begin with https"),
        ("javascript:alert(1)", "must begin with https"),
        ("https:shop.example", "no host"),
        ("https:///hook", "no host"),
        ("https://:8443/", "no host"),
        ("https://shop.example@127.0.0.1/", "user name"),
        ("https://alice:secret@shop.example/", "user name"),
        ("https://@shop.example/", "user name"),
        ("https://shop.example\\@127.0.0.1/", "backslashes"),
        ("https://shop.example/a b", "spaces"),
        ("https://shop.example/\r\nx-header: 1", "spaces"),
        ("https://shop\t.example/", "spaces"),
        ("https://shop.example/\x00", "control characters"),
        ("https://shop.example:0/", "Port 0"),
        ("https://shop.example:22/", "Port 22"),
        ("https://shop.example:1023/", "Port 1023"),
        ("https://shop.example:65536/", "not a valid URL"),
        ("https://shop.example:http/", "not a valid URL"),
        ("https://[::1/", "not a valid URL"),
        ("https://shop.example/\ud800", "not a valid URL"),
        ("https://[fe80::1%25eth0]/", "not"),
        ("https://[v1.fe80]/", "not"),
        ("https://[127.0.0.1]/", "not"),
        ("https://[::1]x/", "not"),
        ("https://sh%6fp.example/", "not a valid host name"),
        ("https://shop..example/", "not a valid host name"),
        ("https://-shop.example/", "not a valid host name"),
        ("https://shop!.example/", "not a valid host name"),
        (f"https://{'a' * 64}.example/", "not a valid host name"),
        (f"https://{'a.' * 130}example/", "not a valid host name"),
        ("https://\u2603\u200d.example/", "not a valid host name"),
        (f"https://shop.example/{'a' * 2000}", "longer than 2000"),
        ("https://shop.example/" + "\u00e9" * 400, "longer than 2000"),
    ],
)
def test_a_bad_url_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(TargetError, match=sentence):
        check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0X7F000001", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0", "0x0", "0x",
        "127.0.0.0x1", "1.2.3.4.5", "256.1.1.1", "127.0.0.01", "0xa9.0xfe.0xa9.0xfe", "169.16689662", "9999999999",
        "127.0.0.1.0", "example.1", "2852039166", "2130706433.", "\u0661\u0662\u0667.1", "\uff10x7f.1",
    ],
)  # fmt: skip
def test_an_address_in_disguise_is_refused(host: str) -> None:
    with pytest.raises(TargetError, match="not a valid host name"):
        check_url(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1.", "10.0.0.1", "169.254.169.254", "168.63.129.16", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
        "[fd00:ec2::254]", "[fe80::1]", "[2002:7f00:1::]", "[0:0:0:0:0:ffff:169.254.169.254]",
        # Digits and dots of other scripts are IDNA's spelling of the plain ones.
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "\uff11\uff12\uff17\uff0e\uff10\uff0e\uff10\uff0e\uff11",
        "127\u30020\u30020\u30021",
    ],
)  # fmt: skip
def test_the_literal_of_a_refused_address_is_refused(host: str) -> None:
    with pytest.raises(TargetError, match=r"Webhooks cannot be sent there: .* (public|metadata) address"):
        check_url(f"http://{host}/")


def test_https_can_be_required(settings: Settings) -> None:
    settings.WEBHOOK_REQUIRE_HTTPS = True
    assert check_url("https://shop.example/") == "https://shop.example/"
    with pytest.raises(TargetError, match=r"must begin with https://\."):
        check_url("http://shop.example/")


@given(url=st.text() | st.from_regex(r"https?://[^/]{0,40}/.*"))
def test_whatever_is_accepted_stays_as_it_is_and_reads_alike_elsewhere(url: str) -> None:
    try:
        normal = check_url(url)
    except TargetError:
        return
    assert check_url(normal) == normal
    assert normal.isascii()
    assert str(URL(normal, encoded=True)) == normal
