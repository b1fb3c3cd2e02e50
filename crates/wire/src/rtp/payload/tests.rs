use super::{Piece, av1, h264, hevc, vp8, vp9};

fn pieces(payload: &[u8]) -> Option<Vec<Piece<'_, 1>>> {
    let mut pieces = Vec::new();
    h264::read(payload, |piece| pieces.push(piece)).is_ok().then_some(pieces)
}

/// P16.
#[test]
fn a_packet_of_h264_holds_a_unit_several_or_a_part() {
    assert_eq!(pieces(&[0x65, 1, 2]), Some(vec![Piece::Whole(&[0x65, 1, 2])]));
    let aggregate = [24, 0, 2, 0x67, 1, 0, 1, 0x68, 0, 0];
    assert_eq!(pieces(&aggregate), Some(vec![Piece::Whole(&[0x67, 1]), Piece::Whole(&[0x68])]));
    let part = Piece::Part { header: [0x65], is_first: true, is_last: false, data: &[7] };
    assert_eq!(pieces(&[0x7c, 0x85, 7]), Some(vec![part]));
    for malformed in [&[][..], &[28], &[24, 0, 3, 1, 2], &[25, 0, 0], &[29, 0x85, 0, 0], &[31], &[0]] {
        assert_eq!(pieces(malformed), None, "{malformed:02x?}");
    }
}

#[test]
fn a_packet_from_within_a_picture_begins_none() {
    assert!(h264::may_begin(&[0x67, 0x42]) && h264::may_begin(&[0x65, 0x88]) && h264::may_begin(&[0x7c, 0x85, 0x88]));
    assert!(h264::may_begin(&[24, 0, 2, 0x67, 1, 0, 1, 0x68]));
    for within in [&[0x65, 0x40][..], &[0x7c, 0x05, 0x88], &[0x7c, 0x45, 0x88], &[0x7c, 0x85], &[]] {
        assert!(!h264::may_begin(within), "{within:02x?}");
    }
    assert!(hevc::may_begin(&[0x40, 1, 0xc]) && hevc::may_begin(&[0x62, 1, 0x93, 0x80]));
    assert!(!hevc::may_begin(&[0x26, 1, 0x20]) && !hevc::may_begin(&[0x62, 1, 0x13, 0x80]));
}

#[test]
fn a_packet_of_hevc_holds_a_unit_several_or_a_part() {
    let read = |payload: &'static [u8]| {
        let mut pieces = Vec::new();
        hevc::read(payload, |piece| pieces.push(piece)).is_ok().then_some(pieces)
    };
    assert_eq!(read(&[0x26, 1, 9]), Some(vec![Piece::Whole(&[0x26, 1, 9])]));
    let several = vec![Piece::Whole(&[0x40, 1][..]), Piece::Whole(&[0x42, 1, 5])];
    assert_eq!(read(&[0x60, 1, 0, 2, 0x40, 1, 0, 3, 0x42, 1, 5]), Some(several));
    let part = Piece::Part { header: [0x26, 1], is_first: false, is_last: true, data: &[8, 9] };
    assert_eq!(read(&[0x62, 1, 0x53, 8, 9]), Some(vec![part]));
    assert_eq!(read(&[0x64, 1, 0]), None);
    assert_eq!(read(&[0x26]), None);
}

#[test]
fn descriptors_of_vp8_are_read_in_every_length() {
    let read = |bytes: &[u8]| {
        let mut src = bytes;
        vp8::Descriptor::parse(&mut src).map(|descriptor| (descriptor, src.len()))
    };
    let (plain, left) = read(&[0x10, 0xff]).unwrap();
    assert!(plain.begins_frame() && plain.picture_id.is_none() && left == 1);
    let (full, left) = read(&[0x90, 0xf0, 0x92, 0x34, 0x56, 0xab, 0xff]).unwrap();
    assert_eq!((full.picture_id, full.wide_id, full.tl0_index), (Some(0x1234), true, Some(0x56)));
    assert_eq!((full.temporal, full.key_index, left), (Some((2, true)), Some(0x0b), 1));
    assert!(!read(&[0x00, 0xff]).unwrap().0.begins_frame());
    for len in 0..6 {
        assert!(read(&[0x90, 0xf0, 0x92, 0x34, 0x56, 0xab][..len]).is_err(), "{len}");
    }
}

#[test]
fn descriptors_of_vp9_are_read_with_their_structure() {
    // Flexible mode is off, two spatial layers with their sizes, one picture in the group with one reference.
    let bytes =
        [0xaa, 0x81, 0x02, 0x00, 0x05, 0x38, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xd0, 0x01, 0x14, 0x01, 0xff];
    let mut src = &bytes[..];
    let descriptor = vp9::Descriptor::parse(&mut src).unwrap();
    assert_eq!((descriptor.picture_id, descriptor.size, src), (Some(0x102), Some((1280, 720)), &[0xff][..]));
    assert!(descriptor.begins_picture() && !descriptor.is_inter);
    for len in 0..17 {
        assert!(vp9::Descriptor::parse(&mut &bytes[..len]).is_err(), "{len}");
    }
    // Flexible mode, two references, an upper layer.
    let mut src = &[0xf8, 0x05, 0x23, 0x03, 0x04, 0xee][..];
    let descriptor = vp9::Descriptor::parse(&mut src).unwrap();
    assert!(descriptor.is_flexible && !descriptor.begins_picture() && src == [0xee]);
}

#[test]
fn elements_of_av1_are_split_by_length_or_by_count() {
    let read = |bytes: &'static [u8]| {
        let mut src = bytes;
        let header = av1::Aggregation::parse(&mut src).unwrap();
        assert_eq!(header.to_byte(), bytes[0]);
        av1::Elements::new(header, src).collect::<Result<Vec<_>, _>>().ok()
    };
    assert_eq!(read(&[0x20, 2, 8, 9, 7, 6]), Some(vec![&[8, 9][..], &[7, 6]]));
    assert_eq!(read(&[0x00, 2, 8, 9, 1, 7]), Some(vec![&[8, 9][..], &[7]]));
    assert_eq!(read(&[0x18, 8, 9]), Some(vec![&[8, 9][..]]));
    assert_eq!(read(&[0x00, 2, 8, 9, 3, 7]), None);
    assert_eq!(read(&[0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), None);
}
