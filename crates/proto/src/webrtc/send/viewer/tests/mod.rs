mod adapt;
mod layers;
mod repair;
mod stage;
mod start;
mod temporal;
