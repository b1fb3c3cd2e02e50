mod layers;
mod repair;
mod stage;
mod start;
