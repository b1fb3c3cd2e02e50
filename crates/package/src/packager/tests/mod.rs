mod chaos;
mod kit;
mod laws;
mod steady;
mod trouble;

use kit::*;
