mod chaos;
mod kit;
mod ladder;
mod laws;
mod steady;
mod trouble;

use kit::*;
