"""Captions are written, read again and shifted."""

from echo_common.captions import Cue, read_vtt, shift, srt, vtt

CUES = (Cue(0.28, 1.5, ("Hello,", "you & <me>")), Cue(59.999, 61.0, ("Again.",)), Cue(3_600.0, 3_601.25, ("Late.",)))


def test_webvtt_is_read_as_it_was_written() -> None:
    assert tuple(read_vtt("".join(vtt(CUES)))) == CUES


def test_names_settings_notes_and_other_line_ends_are_read() -> None:
    text = "WEBVTT Talk\r\n\r\nNOTE 00:01.000 is early\r\n\r\nintro\r\n00:01.000 --> 00:02.500 line:0\r\nHello\r\n"
    assert list(read_vtt(text)) == [Cue(1.0, 2.5, ("Hello",))]


def test_what_is_no_caption_is_left_out() -> None:
    assert list(read_vtt("")) == list(read_vtt("WEBVTT\n\n00:01 --> later\nHello\n")) == []


def test_shifted_captions_keep_their_length() -> None:
    assert list(shift(CUES[:1], 10)) == [Cue(10.28, 11.5, CUES[0].lines)]


def test_numbers_of_subrip_continue() -> None:
    assert [part.split("\n")[0] for part in srt(CUES, 4)] == ["4", "5", "6"]
