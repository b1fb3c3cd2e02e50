use hub::Limits;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_settings_are_the_defaults_of_the_hub() {
        assert_eq!(of(&config::Hub::default()), Limits::default());
    }
}
