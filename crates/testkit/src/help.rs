//! What a command line says of itself.

use clap::Command;

/// The long help of a program and of each of its commands, for a snapshot.
pub fn help(command: Command) -> String {
    let mut command = command.term_width(100);
    command.build();
    let mut text = command.render_long_help().to_string();
    let program = command.get_name().to_owned();
    for one in command.get_subcommands_mut().filter(|one| one.get_name() != "help") {
        let help = one.render_long_help();
        text.push_str(&format!("\n──── {program} {} ────\n{help}", one.get_name()));
    }
    text
}
