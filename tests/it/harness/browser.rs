//! Somebody's browser, as far as the claim pages need one: it opens links, and clicks the page's button.

/// A page as it came back.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Page {
    async fn of(answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, body: answer.text().await.unwrap_or_default() }
    }

    /// The page as somebody reads it: no markup, entities decoded, one line for each block.
    pub fn text(&self) -> String {
        let body = self.body.split_once("<main>").map_or(self.body.as_str(), |(_, main)| main);
        let mut text = String::new();
        let mut rest = body;
        while let Some((before, after)) = rest.split_once('<') {
            text.push_str(before);
            let (tag, after) = after.split_once('>').unwrap_or((after, ""));
            if tag.starts_with(['/', 'h', 'p', 'f']) && !tag.starts_with("/code") && !tag.starts_with("/strong") {
                text.push('\n');
            }
            rest = after;
        }
        let decoded = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        decoded.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// The value of a shell variable that the page exports.
    pub fn export(&self, name: &str) -> String {
        let marker = format!("export {name}='");
        let text = self.text();
        let (_, after) = text.split_once(&marker).unwrap_or_else(|| panic!("the page exports no {name}:\n{text}"));
        after.split_once('\'').unwrap().0.to_owned()
    }

    /// Where the button leads that opens the console, relative to the claim page.
    pub fn console_action(&self) -> String {
        let (_, after) = self.body.split_once("action=\"").expect("a button for the console");
        after.split_once('"').unwrap().0.to_owned()
    }
}

/// Opens a link: what a person does first, and what link previews do.
pub async fn opens(link: &str) -> Page {
    Page::of(client().get(link).send().await.unwrap()).await
}

/// Asks for a link in another way, as mail scanners and link previews do.
pub async fn sends(method: reqwest::Method, link: &str) -> Page {
    Page::of(client().request(method, link).send().await.unwrap()).await
}

/// Clicks the button on the page behind a link.
pub async fn clicks_on_page(link: &str) -> Page {
    Page::of(client().post(link).send().await.unwrap()).await
}

/// Clicks the console button of a page that was opened at `link`.
pub async fn clicks_console(link: &str, page: &Page) -> Page {
    let url = url::Url::parse(link).unwrap().join(&page.console_action()).unwrap();
    Page::of(client().post(url).send().await.unwrap()).await
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
