//! What the stories run on: models of the outside world, and the means to look into it.

pub mod aws;
