import socket

import pytest

import phoropter
from phoropter.core.errors import InputError, PhoropterError, UsageError
from phoropter.core.events import Note, Progress

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:ray")  # its own settings

SMALL = {
    "model.name": "mlp",
    "model.pretrained": False,
    "model.transfer": "finetune",
    "data.size": 8,
    "train.epochs": 2,
}


@pytest.mark.enable_socket
def test_an_address_where_nothing_listens_is_refused_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, but nobody listens

        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            phoropter.spread(phoropter.train, address=f"127.0.0.1:{port}", processes=2)("digits")


def test_no_process_is_no_crew():
    with pytest.raises(UsageError, match="0 processes"):
        phoropter.spread(phoropter.train, address="local", processes=0)


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_workers_train_together_and_tell_what_they_do(tmp_path, monkeypatch, write_digits):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "few", each=30)
    heard = []
    train = phoropter.spread(phoropter.train, address="local", processes=2)

    result = train("few", settings=SMALL, listener=heard.append)

    assert result.epochs == 2
    assert (tmp_path / "few.phoropter" / "runs" / result.run / "history.jsonl").exists()
    assert any(isinstance(event, Note) for event in heard)
    assert any(isinstance(event, Progress) and event.stage == "training" for event in heard)
    with pytest.raises(InputError, match="nosuch") as raised:
        train("nosuch")
    assert isinstance(raised.value, PhoropterError)
    assert raised.value.hint
