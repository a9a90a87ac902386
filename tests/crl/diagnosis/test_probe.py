from __future__ import annotations

import os
import signal

from crl.diagnosis.probe import probe


def test_what_is_told_arrives_beside_what_is_printed() -> None:
    told = probe("print('noise'); tell({'a': [1, None]}); print('more'); tell('b')")
    assert (told.values, told.trouble) == ([{"a": [1, None]}, "b"], None)


def test_an_exception_is_its_last_line_and_what_was_told_before_stays() -> None:
    told = probe("tell(1)\nraise OSError('no such library')")
    assert (told.values, told.trouble) == ([1], "OSError: no such library")


def test_a_crash_names_the_signal() -> None:
    told = probe("import os, signal\ntell('begun')\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert (told.values, told.trouble) == (["begun"], "it crashed (SIGSEGV)")
    assert signal.SIGSEGV


def test_one_that_never_ends_is_stopped() -> None:
    told = probe("tell('begun')\nwhile True: pass", seconds=2.0)
    assert told.trouble == "no answer within 2 s"


def test_variables_are_set_and_removed_for_the_child_alone() -> None:
    os.environ["CRL_PROBE_A"] = "there"
    try:
        code = "import os; tell([os.environ.get('CRL_PROBE_A'), os.environ.get('CRL_PROBE_B')])"
        assert probe(code, {"CRL_PROBE_A": None, "CRL_PROBE_B": "x"}).values == [[None, "x"]]
        assert os.environ["CRL_PROBE_A"] == "there"
        assert "CRL_PROBE_B" not in os.environ
    finally:
        del os.environ["CRL_PROBE_A"]


def test_an_exit_without_a_word_tells_its_code() -> None:
    assert probe("raise SystemExit(7)").trouble == "it ended with code 7"
