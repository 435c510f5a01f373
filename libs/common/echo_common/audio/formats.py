"""Table of the audio formats that Echo writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MINIMUM_RATE = 8_000

_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The encoding parameters of an audio format.

    `codec`, `container` and `sample_format` are FFmpeg's names; `rates` are the sample rates in Hz that the codec supports
    (empty: any). `mime_at_rates` is the media type at rates other than 8 kHz, if `mime` means 8 kHz. `stream_options` are container options for non-seekable streams: no index, no sizes, no buffering.
    """

    name: str
    mime: str
    extension: str
    codec: str
    container: str
    sample_format: str
    bit_rate: int | None = None
    rates: tuple[int, ...] = ()
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stream_options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mime_at_rates: str = ""

    def media_type(self, sample_rate: int) -> str:
        """Return the media type of audio with this sample rate in Hz."""
        if not self.mime_at_rates or sample_rate == MINIMUM_RATE:
            return self.mime
        return f"{self.mime_at_rates};rate={sample_rate}"

    def supports(self, sample_rate: int) -> bool:
        """Return whether the format can have this sample rate in Hz."""
        return not self.rates or sample_rate in self.rates

    @property
    def lossless(self) -> bool:
        """True if the decoded samples are those that were encoded."""
        return self.codec in {"pcm_s16le", "flac"}

    def codec_rate(self, sample_rate: int) -> int:
        """Return the lowest codec rate in Hz that preserves `sample_rate`, else the highest."""
        return next((rate for rate in self.rates if rate >= sample_rate), self.rates[-1]) if self.rates else sample_rate


_BITEXACT = MappingProxyType({"fflags": "+bitexact"})

FORMATS: Mapping[str, AudioFormat] = MappingProxyType(
    {
        row.name: row
        for row in (
            AudioFormat("wav", "audio/wav", "wav", "pcm_s16le", "wav", "s16", options=_BITEXACT),
            AudioFormat(
                "mp3",
                "audio/mpeg",
                "mp3",
                "libmp3lame",
                "mp3",
                "s16p",
                bit_rate=64_000,
                rates=_MP3_RATES,
                stream_options=MappingProxyType({"write_xing": "0", "id3v2_version": "0"}),
            ),
            AudioFormat("flac", "audio/flac", "flac", "flac", "flac", "s16", options=_BITEXACT),
            AudioFormat(
                "ogg",
                "audio/ogg",
                "ogg",
                "libopus",
                "ogg",
                "s16",
                bit_rate=48_000,
                rates=_OPUS_RATES,
                options=_BITEXACT,
                # a listener receives whole pages; by default FFmpeg fills a page with one second
                stream_options=MappingProxyType({"page_duration": "100000"}),
            ),
            AudioFormat("aac", "audio/aac", "aac", "aac", "adts", "fltp", bit_rate=64_000, rates=_AAC_RATES),
            AudioFormat("pcm", "audio/pcm", "pcm", "pcm_s16le", "s16le", "s16"),
            # RFC 2046: audio/basic has 8 kHz; RFC 4856: audio/PCMU names its rate
            AudioFormat("mulaw", "audio/basic", "ulaw", "pcm_mulaw", "mulaw", "s16", mime_at_rates="audio/PCMU"),
        )
    }
)
