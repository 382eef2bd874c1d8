use super::file::File;

#[test]
fn each_file_has_one_name() {
    for (name, file) in [
        ("media.m3u8", Some(File::Playlist { whole: false })),
        ("dvr.m3u8", Some(File::Playlist { whole: true })),
        ("init-3.mp4", Some(File::Init(3))),
        ("12.m4s", Some(File::Segment(12))),
        ("12.4.m4s", Some(File::Part(12, 4))),
        ("012.m4s", None),
        ("+1.m4s", None),
        ("1.2.3.m4s", None),
        ("-1.m4s", None),
        (".m4s", None),
        ("init-.mp4", None),
        ("12.mp4", None),
        ("other.m3u8", None),
    ] {
        assert_eq!(File::parse(name), file, "{name}");
    }
}
