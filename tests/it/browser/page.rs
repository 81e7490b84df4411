//! The page as somebody in front of it uses it: they see, click and type. Nobody clicks what is not to be seen.

use std::time::{Duration, Instant};

use fantoccini::{Locator, elements::Element, error::CmdError, key::Key};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::driver::{self, Browser, Running};

/// How long to look for something: much longer than it takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often.
const INTERVAL: Duration = Duration::from_millis(40);

/// Browsers are large: no more than this many at once.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// A tab with the playground in it.
pub struct Tab {
    pub browser: Browser,
    pub address: String,
    _playground: Running,
    _folder: TempDir,
    _turn: SemaphorePermit<'static>,
}

impl Tab {
    /// Starts the playground and opens it.
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// The same with arguments.
    pub async fn open_with(arguments: &[&str]) -> Self {
        let turn = BROWSERS.acquire().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let playground = driver::playground(folder.path(), arguments);
        let address = playground.said.trim().to_owned();
        let browser = Browser::start().await;
        browser.client.goto(&address).await.unwrap();
        let tab = Self { browser, address, _playground: playground, _folder: folder, _turn: turn };
        tab.is_live().await;
        tab
    }

    /// Runs a script and gives its value.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.browser.client.execute(script, arguments).await.unwrap()
    }

    /// What is to be seen in the part of the page with this id.
    pub async fn text(&self, part: &str) -> String {
        let script =
            "const it = document.getElementById(arguments[0]); return it?.checkVisibility() ? it.innerText : ''";
        self.run(script, vec![json!(part)]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until this stands there.
    pub async fn sees(&self, part: &str, words: &str) {
        self.until(part, words, |text| text.contains(words)).await;
    }

    /// Waits until this does not stand there.
    pub async fn misses(&self, part: &str, words: &str) {
        self.until(part, &format!("no `{words}`"), |text| !text.contains(words)).await;
    }

    /// Waits until a part looks as it should.
    pub async fn until(&self, part: &str, wanted: &str, is_so: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.text(part).await;
            if is_so(&text) {
                return;
            }
            assert!(Instant::now() < end, "`{wanted}` does not show in #{part}, which says:\n{text}");
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Waits until the page hears of what changes.
    async fn is_live(&self) {
        self.find("body[data-live=yes]").await;
    }

    /// Waits for an element that can be seen.
    pub async fn find(&self, selector: &str) -> Element {
        self.patiently(selector, async |element| element.is_displayed().await.map(|shown| shown.then_some(element)))
            .await
    }

    /// Clicks what a selector finds last: the newest.
    pub async fn clicks(&self, selector: &str) {
        self.patiently(selector, async |element| element.click().await.map(Some)).await;
    }

    /// Presses the newest button in a part of the page that says this.
    pub async fn presses(&self, part: &str, label: &str) {
        let path = format!("//*[@id='{part}']//button[normalize-space()='{label}' and not(@disabled)]");
        self.patiently(&path, async |element| element.click().await.map(Some)).await;
    }

    /// Becomes somebody else.
    pub async fn becomes(&self, name: &str) {
        self.goes(&format!("//nav[contains(@class,'personas')]//a[.//span[starts-with(normalize-space(),'{name}')]]"))
            .await;
    }

    /// Opens a channel, the direct messages (`jit`), or `jit Home`.
    pub async fn opens(&self, place: &str) {
        self.goes(&format!("//nav[@aria-label='Channels and messages']//a[span[@class='name' and text()='{place}']]"))
            .await;
    }

    async fn goes(&self, path: &str) {
        self.clicks(path).await;
        self.is_live().await;
    }

    /// Types something and presses Enter.
    pub async fn types(&self, text: &str) {
        let field = self.find("#text").await;
        field.send_keys(text).await.unwrap();
        // Escape folds the completions away, so that Enter sends what stands there.
        self.keys(&[Key::Escape, Key::Enter]).await;
    }

    /// Presses keys, wherever the focus is.
    pub async fn keys(&self, keys: &[Key]) {
        let field = self.browser.client.active_element().await.unwrap();
        for key in keys {
            field.send_keys(&char::from(*key).to_string()).await.unwrap();
        }
    }

    /// Chooses an option of a menu.
    pub async fn chooses(&self, selector: &str, option: &str) {
        let menu = self.find(selector).await;
        menu.select_by_value(option).await.unwrap();
    }

    /// Tries what may be swapped for something newer in the very moment.
    async fn patiently<T>(&self, selector: &str, act: impl AsyncFn(Element) -> Result<Option<T>, CmdError>) -> T {
        let end = Instant::now() + PATIENCE;
        let locator = if selector.starts_with('/') { Locator::XPath(selector) } else { Locator::Css(selector) };
        loop {
            let found = self.browser.client.find_all(locator).await.unwrap_or_default().pop();
            let why = match found {
                None => "it is not there".to_owned(),
                Some(element) => match act(element).await {
                    Ok(Some(done)) => return done,
                    Ok(None) => "it cannot be seen".to_owned(),
                    Err(error) => error.to_string(),
                },
            };
            if Instant::now() >= end {
                let page = self.text("messages").await;
                panic!("`{selector}`: {why}. The messages say:\n{page}");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Moves the focus, as somebody does with the tabulator.
    pub async fn focuses(&self, selector: &str) {
        let element = self.find(selector).await;
        let focused = self.browser.client.execute("arguments[0].focus()", vec![serde_json::to_value(element).unwrap()]);
        focused.await.unwrap();
    }

    /// Closes the browser in good order.
    pub async fn close(self) {
        self.browser.client.clone().close().await.unwrap();
    }
}
