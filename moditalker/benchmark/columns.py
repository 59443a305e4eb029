"""The columns of the table, in order."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A measure: its ``key`` in the JSON, its ``title`` in the table, and how many digits are worth showing."""

    key: str
    title: str
    digits: int


COLUMNS = (
    Column("opening_correlation", "opening: correlation", 2),
    Column("width_correlation", "width: correlation", 2),
    Column("opening_deviation", "opening: deviation / real", 2),
    Column("width_deviation", "width: deviation / real", 2),
    Column("lag", "lag, frames", 1),
    Column("mouth_distance", "mouth distance, % of eyes", 2),
    Column("lid_deviation", "lids: deviation / real", 2),
    Column("asked_correlation", "rendered / asked: correlation", 3),
    Column("asked_slope", "rendered / asked: slope", 2),
    Column("dlib_correlation", "opening by dlib: correlation", 3),
    Column("dlib_slope", "opening by dlib: slope", 2),
    Column("face_psnr", "PSNR face, dB", 2),
    Column("mouth_psnr", "PSNR mouth, dB", 2),
    Column("face_ssim", "SSIM face", 3),
    Column("mouth_ssim", "SSIM mouth", 3),
    Column("face_lpips", "LPIPS face", 4),
    Column("mouth_lpips", "LPIPS mouth", 4),
    Column("mouth_lpips_256", "LPIPS (AlexNet) mouth, 256 px", 4),
    Column("mouth_sharpness", "CPBD mouth / real, 256 px", 2),
    Column("identity", "identity", 3),
    Column("sharpness", "sharpness (CPBD)", 3),
    Column("flicker", "flicker / real", 2),
    Column("frames_frechet", "Fréchet, frames", 1),
    Column("clips_frechet", "Fréchet, clips", 1),
    Column("sync_confidence", "sync confidence", 2),
    Column("sync_distance", "sync distance", 2),
    Column("sync_offset", "sync offset, frames", 1),
    Column("sync_within_one", "sync offset within 1", 2),
)
