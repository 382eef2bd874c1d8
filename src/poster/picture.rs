//! From a file that somebody sent to pictures that we serve: decoded within limits, turned upright, cut to 16:9 (a logo is
//! fitted into a square), and written anew as JPEG (a logo as PNG), so that nothing of the file itself (EXIF with its
//! places, comments, whatever hides behind the picture) is kept.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, RgbaImage};
use std::io::Cursor;

/// Widths of the pictures, pixels; heights are 9/16 of them.
pub const WIDTHS: [u32; 2] = [1_280, 640];
/// Longest side of a file's picture, pixels.
pub const SIDE_MAX: u32 = 12_000;
/// Most pixels of a file's picture: 50 megapixels.
pub const PIXELS_MAX: u64 = 50_000_000;
/// Shortest side, pixels.
pub const SIDE_MIN: u32 = 180;
/// Shortest side of a logo's file, pixels.
pub const LOGO_SIDE_MIN: u32 = 64;
/// Side of the square that a logo is fitted into, pixels: 64 on a screen of high density.
pub const LOGO_SIDE: u32 = 192;
/// Most memory for decoding, bytes.
const MEMORY_MAX: u64 = 256 << 20;
/// JPEG's scale of 1 to 100.
const QUALITY: u8 = 84;
/// What shines through where a picture is transparent: the stage.
const GROUND: [u8; 3] = [22, 20, 28];

/// Why a file is no poster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPicture {
    /// Neither JPEG nor PNG nor WebP, or broken.
    #[error("this is no picture that can be read")]
    Unreadable,
    /// Over [`SIDE_MAX`] or [`PIXELS_MAX`].
    #[error("this picture has too many pixels")]
    TooManyPixels,
    /// A side under [`SIDE_MIN`], of a logo under [`LOGO_SIDE_MIN`].
    #[error("this picture is too small")]
    TooSmall,
}

/// The pictures of [`WIDTHS`], as JPEG. Takes up to a second; call it where that does not block others.
pub fn pictures(file: &[u8]) -> Result<[Vec<u8>; 2], BadPicture> {
    let whole = decode(file, SIDE_MIN)?;
    let large = fill(&whole, WIDTHS[0]);
    let small = fill(&DynamicImage::ImageRgb8(large.clone()), WIDTHS[1]);
    Ok([jpeg(&large)?, jpeg(&small)?])
}

/// A logo as PNG of [`LOGO_SIDE`]: all of it is seen, what is transparent stays so. Takes up to a second, as above.
pub fn logo(file: &[u8]) -> Result<Vec<u8>, BadPicture> {
    let fitted = decode(file, LOGO_SIDE_MIN)?.resize(LOGO_SIDE, LOGO_SIDE, FilterType::CatmullRom).into_rgba8();
    let mut square = RgbaImage::new(LOGO_SIDE, LOGO_SIDE);
    let margin = |side: u32| i64::from((LOGO_SIDE - side.min(LOGO_SIDE)) / 2);
    image::imageops::replace(&mut square, &fitted, margin(fitted.width()), margin(fitted.height()));
    let mut out = vec![];
    square.write_with_encoder(PngEncoder::new(&mut out)).map_err(|_| BadPicture::Unreadable)?;
    Ok(out)
}

fn decode(file: &[u8], side_min: u32) -> Result<DynamicImage, BadPicture> {
    let unreadable = |_| BadPicture::Unreadable;
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|_| BadPicture::Unreadable)?;
    match reader.format() {
        Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) => {}
        Some(_) | None => return Err(BadPicture::Unreadable),
    }
    // Sizes are judged below, each with its own word; this bounds what decoding may take.
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > SIDE_MAX || u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(BadPicture::TooManyPixels);
    }
    if width.min(height) < side_min {
        return Err(BadPicture::TooSmall);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| match error {
        image::ImageError::Limits(_) => BadPicture::TooManyPixels,
        _ => BadPicture::Unreadable,
    })?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Fills 16:9 of a width, cutting what is over evenly on both sides, on [`GROUND`].
fn fill(image: &DynamicImage, width: u32) -> RgbImage {
    let filled = image.resize_to_fill(width, width * 9 / 16, FilterType::CatmullRom);
    if !filled.color().has_alpha() {
        return filled.into_rgb8();
    }
    let mut flat = RgbImage::new(filled.width(), filled.height());
    for (to, from) in flat.pixels_mut().zip(filled.into_rgba8().pixels()) {
        let [r, g, b, alpha] = from.0.map(u32::from);
        let over = |colour: u32, ground: u8| {
            let mixed = (colour * alpha + u32::from(ground) * (255 - alpha) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        *to = Rgb([over(r, GROUND[0]), over(g, GROUND[1]), over(b, GROUND[2])]);
    }
    flat
}

fn jpeg(image: &RgbImage) -> Result<Vec<u8>, BadPicture> {
    let mut out = vec![];
    JpegEncoder::new_with_quality(&mut out, QUALITY).encode_image(image).map_err(|_| BadPicture::Unreadable)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(vec![]);
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    /// Left half red, right half blue.
    fn halves(width: u32, height: u32) -> DynamicImage {
        let colour = |x, _| if x < width / 2 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) };
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, colour))
    }

    fn read(jpeg: &[u8]) -> RgbImage {
        image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap().into_rgb8()
    }

    #[test]
    fn every_kind_becomes_two_pictures_of_sixteen_by_nine() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let [large, small] = pictures(&file(&halves(800, 800), format)).unwrap();
            let (large, small) = (read(&large), read(&small));
            assert_eq!((large.dimensions(), small.dimensions()), ((1_280, 720), (640, 360)), "{format:?}");
            assert!(large.get_pixel(10, 10)[0] > 200 && large.get_pixel(1_270, 700)[2] > 200, "{format:?}");
        }
    }

    #[test]
    fn a_picture_is_turned_upright_and_its_exif_is_gone() {
        // EXIF: orientation 3 (upside down), behind the first two bytes of the file.
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0";
        let plain = file(&halves(640, 360), ImageFormat::Jpeg);
        let mut turned = plain[..2].to_vec();
        turned.extend([0xff, 0xe1]);
        turned.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
        turned.extend(exif);
        turned.extend(&plain[2..]);
        let [large, _] = pictures(&turned).unwrap();
        assert!(read(&large).get_pixel(10, 10)[2] > 200, "not turned");
        assert!(!large.windows(4).any(|bytes| bytes == b"Exif"));
    }

    #[test]
    fn a_logo_is_seen_whole_on_a_clear_square() {
        let png = logo(&file(&halves(400, 200), ImageFormat::WebP)).unwrap();
        let read = image::load_from_memory_with_format(&png, ImageFormat::Png).unwrap().into_rgba8();
        assert_eq!(read.dimensions(), (LOGO_SIDE, LOGO_SIDE));
        assert_eq!(read.get_pixel(96, 5)[3], 0, "not clear above");
        assert!(read.get_pixel(2, 96)[0] > 200 && read.get_pixel(189, 96)[2] > 200, "cut");
        assert_eq!(logo(&file(&halves(400, 63), ImageFormat::Png)), Err(BadPicture::TooSmall));
    }

    #[test]
    fn what_is_transparent_shows_the_stage() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::new(640, 360));
        let [large, _] = pictures(&file(&clear, ImageFormat::Png)).unwrap();
        assert!(read(&large).get_pixel(640, 360).0.iter().zip(GROUND).all(|(is, want)| is.abs_diff(want) < 4));
    }

    #[test]
    fn what_is_no_poster_is_refused_with_its_reason() {
        let png = file(&halves(640, 360), ImageFormat::Png);
        let cases: [(&[u8], BadPicture); 5] = [
            (b"", BadPicture::Unreadable),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", BadPicture::Unreadable),
            (b"GIF89a\x01\0\x01\0\0\0\0;", BadPicture::Unreadable),
            (&png[..png.len() / 2], BadPicture::Unreadable),
            (&file(&halves(400, 100), ImageFormat::Png), BadPicture::TooSmall),
        ];
        for (bytes, why) in cases {
            assert_eq!(pictures(bytes).unwrap_err(), why, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(8)]));
        }
        // A header that promises more than there is room for, with nothing behind it.
        let mut bomb = png;
        bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        assert!(matches!(pictures(&bomb), Err(BadPicture::TooManyPixels | BadPicture::Unreadable)));
    }
}
