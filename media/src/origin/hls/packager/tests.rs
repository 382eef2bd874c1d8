#[cfg(test)]
fn x() {}
