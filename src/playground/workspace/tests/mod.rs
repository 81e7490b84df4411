//! The model against its own claims: that Slack's client library is content with it, that it refuses and fails as told,
//! and that what people do reaches a bot.
