use super::*;

/// What SVT-AV1 makes of 1280x720 at 30000/1001.
const CONFIG: [u8; 18] =
    [0x81, 0x05, 0x0c, 0x00, 0x0a, 0x0c, 0x02, 0x00, 0x00, 0x2d, 0x6a, 0x67, 0xfd, 0x9e, 0x01, 0x7c, 0x00, 0x20];

#[test]
fn a_record_of_svt_av1_is_read() {
    let av1 = Av1::from_config(&CONFIG).unwrap();
    assert_eq!((av1.picture.width, av1.picture.height), (1280, 720));
    assert_eq!((av1.profile, av1.level, av1.high_tier, av1.depth), (0, 5, false, 8));
    assert_eq!(crate::Codec::Av1(av1).to_string(), "av01.0.05M.08");
}

#[test]
fn a_temporal_unit_alone_says_as_much_as_a_record() {
    let av1 = Av1::from_config(&CONFIG).unwrap();
    let unit = [&[0x12, 0x00][..], &CONFIG[4..], &[0x32, 0x02, 0x10, 0x00]].concat();
    let alone = Av1::from_unit(&unit).unwrap();
    assert_eq!(alone, av1);
    assert_eq!(av1.changed_by(&unit), Ok(None));
    let mut wider = unit.clone();
    wider[8] ^= 0x10;
    assert!(av1.changed_by(&wider).unwrap().is_some());
    assert!(is_keyframe(&unit));
    for inter in [&[0x32, 0x02, 0x30, 0x00][..], &[0x32, 0x02, 0x90, 0x00], &[0x32, 0x02, 0x00, 0x00], &[0x32, 0x00]] {
        assert!(!is_keyframe(inter), "{inter:02x?}");
    }
}

#[test]
fn what_is_cut_short_is_refused_without_panic() {
    for len in 0..12 {
        assert!(Av1::from_config(&CONFIG[..len]).is_err(), "{len}");
    }
    assert!(Av1::from_config(&[0xff; 40]).is_err());
}

#[test]
fn delimiters_go_and_sizes_that_lie_do_no_harm() {
    // C13.
    let unit = Bytes::from_static(&[0x12, 0x00, 0x0a, 0x02, 1, 2, 0x32, 0x01, 9]);
    assert!(has_sequence_header(&unit));
    let stripped = without_delimiters(unit.clone());
    assert_eq!(stripped, unit[2..]);
    assert_eq!(without_delimiters(stripped.clone()), stripped);
    let twice = Bytes::from_static(&[0x32, 0x01, 9, 0x12, 0x00, 0x32, 0x01, 8]);
    assert_eq!(without_delimiters(twice), &[0x32, 0x01, 9, 0x32, 0x01, 8][..]);
    assert!(!has_sequence_header(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]));
}

/// The keyframe of what Chromium makes of 480x270 with `L2T1_KEY`, but for most of its frames.
const LAYERED: [u8; 36] = [
    0x0a, 12, 0x00, 0x13, 0x01, 0x00, 0x80, 0x82, 0x23, 0xbf, 0x0d, 0x00, 0x68,
    0x02, // both layers, the lower alone
    0x36, 0x00, 7, 0x12, 0xef, 0x43, 0xc0, 0x77, 0xc0, 0x43, // 240x136
    0x36, 0x08, 9, 0x30, 0xe0, 0x40, 0x02, 0x00, 0x01, 0x34, 0x00, 0x96, // as large as can be
];

#[test]
fn each_size_gets_a_sequence_header_of_its_own() {
    let layered = Layered::of_unit(&LAYERED).unwrap().unwrap();
    let sizes: Vec<_> = (0..=MAX_SPATIAL).map(|spatial| layered.size(spatial)).collect();
    assert_eq!(sizes, [Some((240, 136)), Some((480, 270)), None, None]);
    let whole = Av1::from_unit(&LAYERED).unwrap();
    let (small, large) = (layered.sequence_header(0b01).unwrap(), layered.sequence_header(0b11).unwrap());
    for (header, size) in [(&small, (240, 136)), (&large, (480, 270))] {
        let av1 = Av1::from_unit(header).unwrap();
        assert_eq!((av1.picture.width, av1.picture.height), size);
        let picture = whole.picture.clone();
        assert_eq!((av1.profile, av1.level, av1.depth), (whole.profile, whole.level, whole.depth));
        assert_eq!((av1.picture.colour, av1.picture.frame_rate), (picture.colour, picture.frame_rate));
        assert_eq!(av1.config[..4], whole.config[..4]);
    }
    // Seventeen bits less: one operating point, which names both layers, or none as there is only one.
    let idc =
        |header: &[u8]| Header::read(&header[2..]).unwrap().points.iter().map(|point| point.idc).collect::<Vec<_>>();
    assert_eq!((idc(&LAYERED), idc(&large), idc(&small)), (vec![0x301, 0x101], vec![0x301], vec![0]));
    assert_eq!((large.len(), small.len()), (12, 12));
    assert!(layered.sequence_header(0).is_err() && layered.sequence_header(0b100).is_err());
    // A stream in one size stays what it is.
    let plain = [&small[..], &LAYERED[14..24]].concat();
    assert!(Layered::of_unit(&plain).unwrap().is_none());
}

#[test]
fn layers_that_are_cut_short_or_lie_are_refused() {
    for at in 0..LAYERED.len() {
        let _ = Layered::of_unit(&LAYERED[..at]);
        for bit in 0..8 {
            let mut bent = LAYERED;
            bent[at] ^= 1 << bit;
            if let Ok(Some(layered)) = Layered::of_unit(&bent) {
                let headers = (0..16).filter_map(|layers| layered.sequence_header(layers).ok());
                headers.for_each(|header| drop(Av1::from_unit(&header).unwrap()));
            }
        }
    }
}
