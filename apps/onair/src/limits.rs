use hub::Limits;
use package::Settings;

/// The limits of the hub, out of its settings.
pub(crate) fn of(settings: &config::Hub) -> Limits {
    Limits {
        broadcasts: settings.max_broadcasts,
        grace: settings.grace,
        takeover_after: settings.takeover_after,
        track_groups: settings.max_track_groups,
        track_bytes: settings.max_track_bytes,
        track_age: settings.max_track_age,
        group_bytes: settings.max_track_bytes,
        ..Limits::default()
    }
}

/// How broadcasts are cut, out of the settings.
pub(crate) fn packaging(settings: &config::Hls) -> Settings {
    Settings {
        segment: settings.segment.into(),
        part: settings.part.into(),
        window: settings.window.into(),
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_cut_is_the_default_of_the_packager() {
        assert_eq!(packaging(&config::Hls::default()), Settings::default());
    }

    #[test]
    fn the_default_settings_are_the_defaults_of_the_hub() {
        assert_eq!(of(&config::Hub::default()), Limits::default());
    }
}
