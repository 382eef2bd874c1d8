//! A browser without a screen: cookies, forms with their token, redirects left to the test.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub struct Browser {
    address: SocketAddr,
    http: reqwest::Client,
    pub cookies: BTreeMap<String, String>,
    pub csrf: String,
    pub headers: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The code of a problem+json answer, whose shape is checked.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert!(json["detail"].as_str().is_some_and(|detail| detail.len() > 5), "{json}");
        json["code"].as_str().unwrap().to_string()
    }

    pub fn between(&self, before: &str, after: &str) -> String {
        let start = self.body.find(before).unwrap_or_else(|| panic!("no {before} in {}", self.body)) + before.len();
        let end = self.body[start..].find(after).unwrap();
        self.body[start..start + end].to_string()
    }
}

impl Browser {
    pub fn at(address: SocketAddr) -> Browser {
        // Well before the server closes a connection that rests, so that no request meets its end.
        let http = reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(1));
        let http = http.redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Browser { address, http, cookies: BTreeMap::new(), csrf: String::new(), headers: vec![] }
    }

    fn cookie(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// The same; an error when nobody answers.
    pub async fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.request(method.parse().unwrap(), url).body(body);
        if !self.cookies.is_empty() {
            request = request.header("cookie", self.cookie());
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_string(), value.to_string());
            }
        }
        let body = response.text().await?;
        let answer = Answer { status, headers, body };
        if answer.body.contains("csrf-token\" content=\"") {
            self.csrf = answer.between("csrf-token\" content=\"", "\"");
        }
        assert!(answer.status < 500 || answer.status == 503 || path.contains("admission"), "{path}: {answer:?}");
        Ok(answer)
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], vec![]).await
    }

    /// Posts a form with the page's token.
    pub async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        self.send("POST", path, &[("content-type", "application/x-www-form-urlencoded")], body.into_bytes()).await
    }

    /// Posts a body of JSON with the page's token.
    pub async fn api_with(&mut self, path: &str, body: &str) -> Answer {
        self.json("POST", path, body).await
    }

    /// Sends a body of JSON with the page's token.
    pub async fn json(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let csrf = self.csrf.clone();
        let headers = [("content-type", "application/json"), ("x-csrf-token", csrf.as_str())];
        self.send(method, path, &headers, body.as_bytes().to_vec()).await
    }

    /// Posts JSON with the page's token.
    pub async fn api(&mut self, path: &str) -> Answer {
        let csrf = self.csrf.clone();
        self.send("POST", path, &[("content-type", "application/json"), ("x-csrf-token", &csrf)], b"{}".to_vec()).await
    }

    pub async fn socket(&self, experience: &str, query: &str) -> Socket {
        self.try_socket(experience, query, None).await.unwrap()
    }

    pub async fn try_socket(&self, experience: &str, query: &str, origin: Option<&str>) -> Result<Socket, u16> {
        let mut request = format!("ws://{}/live/{experience}?{query}", self.address).into_client_request().unwrap();
        if !self.cookies.is_empty() {
            request.headers_mut().insert("cookie", self.cookie().parse().unwrap());
        }
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub async fn say(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        let _ = self.stream.send(Message::text(text)).await;
    }

    /// The next message of a type, others let go; `None` when the socket closed first.
    pub async fn hear(&mut self, kind: &str) -> Option<Value> {
        self.hear_if(|message| message["type"] == kind).await
    }

    pub async fn hear_if(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let work = async {
            while let Some(Ok(message)) = self.stream.next().await {
                match message {
                    Message::Text(text) => {
                        let message: Value = serde_json::from_str(&text).unwrap();
                        if wanted(&message) {
                            return Some(message);
                        }
                    }
                    Message::Close(_) => return None,
                    _ => {}
                }
            }
            None
        };
        tokio::time::timeout(Duration::from_secs(8), work).await.expect("nothing came in 8 s")
    }

    /// The code it closes with.
    pub async fn closes(&mut self) -> u16 {
        let work = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map_or(1005, |frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return 1006,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(8), work).await.expect("it stayed open for 8 s")
    }
}
