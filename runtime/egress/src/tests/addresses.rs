//! Names that lead to where they should not, at once or at the second look.

use std::sync::atomic::Ordering;

use super::*;
use crate::tests::servers::{echoing, names, reply, saying};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

const PUBLIC: &str = "93.184.215.14";

#[tokio::test]
async fn a_name_that_leads_elsewhere_at_the_second_look_is_looked_at_again() {
    // It closes each connection, so that the next request needs another, and so another look.
    let server =
        saying("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await;
    let (nameserver, asked) = names(&[&[PUBLIC], &["127.0.0.1"]]).await;
    let mut setup = Setup::granting(json!([{"url": "http://rebind.example:*"}]));
    setup.nameserver = Some(nameserver);
    // The open internet, for this test: the server is there under a public address.
    setup.instead.insert(PUBLIC.parse().unwrap(), server.ip());
    let client = setup.client();
    let url = format!("http://rebind.example:{}/", server.port());
    assert_eq!(text(get(&client, &url).await).await, "ok");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "one look a connection");
    let refusal = denied(get(&client, &url).await);
    assert_eq!(
        refusal,
        format!(
            "python may not reach rebind.example, which leads to a private or reserved address: \
             grant it with `errand grant add python 'http://rebind.example:{}' --private`",
            server.port()
        )
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn of_mixed_addresses_the_vetted_are_dialled_alone() {
    let server = echoing().await;
    let mixed = ["127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", PUBLIC];
    let (nameserver, _) = names(&[&mixed]).await;
    let mut setup = Setup::granting(json!([{"url": "http://mixed.example:*"}]));
    setup.nameserver = Some(nameserver);
    setup.instead.insert(PUBLIC.parse().unwrap(), server.ip());
    let dialler = Dialler {
        resolver: Resolver::new(setup.nameserver),
        tls: Tls::new(Vec::new()),
        instead: HashMap::new(),
    };
    let vetted = dialler.vetted("mixed.example", crate::connect::Reach::Public).await.unwrap();
    assert_eq!(vetted, [PUBLIC.parse::<IpAddr>().unwrap()]);
    text(get(&setup.client(), &format!("http://mixed.example:{}/", server.port())).await).await;
}

#[tokio::test]
async fn every_class_of_address_is_refused_by_name_and_some_even_when_private() {
    let private = [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "fec0::1",
    ];
    let never = [
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "ff02::1",
        "2002:7f00:1::",
        "2001::1",
        "::127.0.0.1",
        "100::1",
    ];
    for (addresses, when_private) in [(&private[..], true), (&never[..], false)] {
        for address in addresses {
            let (nameserver, _) = names(&[&[address]]).await;
            let dialler = Dialler {
                resolver: Resolver::new(Some(nameserver)),
                tls: Tls::new(Vec::new()),
                instead: HashMap::new(),
            };
            for (reach, allowed) in [
                (crate::connect::Reach::Public, false),
                (crate::connect::Reach::Private, when_private),
            ] {
                let vetted = dialler.vetted("a.example", reach).await;
                assert_eq!(vetted.is_ok(), allowed, "{address} {reach:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_private_grant_reaches_a_private_name_and_its_connection_is_nobody_elses() {
    let server = echoing().await;
    let (nameserver, _) = names(&[&["127.0.0.1"]]).await;
    let url = format!("http://db.example:{}/", server.port());
    let mut setup = Setup::granting(
        json!([{"url": "http://db.example:*", "private": true, "methods": ["GET"]},
                               {"url": "http://db.example:*", "methods": ["POST"]}]),
    );
    setup.nameserver = Some(nameserver);
    let client = setup.client();
    let answer = text(get(&client, &url).await).await;
    assert!(answer.starts_with("0\r\n"), "{answer}");
    denied(client.send(request("POST", &url)).await);
    let answer = text(get(&client, &url).await).await;
    assert!(answer.starts_with("0\r\n"), "the connection was kept: {answer}");
}

#[tokio::test]
async fn a_name_without_an_address_and_a_server_that_is_not_there_are_told_apart() {
    let (nameserver, _) = names(&[&[]]).await;
    let mut setup = Setup::granting(json!([{"url": "http://*:*"}, {"url": "http://127.0.0.1:*"}]));
    setup.nameserver = Some(nameserver);
    let client = setup.client();
    for url in ["http://missing.example/", "http://empty.example/"] {
        assert_eq!(error(get(&client, url).await).code(), "dns", "{url}");
    }
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(error(get(&client, &format!("http://{closed}/")).await).code(), "connect");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nameserver = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(nameserver).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            // An answer to another question first, which is waited past.
            let mut answer = reply(&buffer[..length], &["10.0.0.1".parse().unwrap()], false, false);
            answer[0] ^= 1;
            socket.send_to(&answer, from).await.unwrap();
            buffer[2..4].copy_from_slice(&[0x83, 0x80]);
            socket.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut question = vec![0; length.into()];
            stream.read_exact(&mut question).await.unwrap();
            let is_v6 = question[question.len() - 3] == 28;
            let addresses: Vec<IpAddr> =
                ["1.2.3.4", "2606::1"].map(|one| one.parse().unwrap()).into();
            let answer = reply(&question, &addresses, is_v6, false);
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    let addresses = Resolver::new(Some(nameserver)).addresses("long.example").await.unwrap();
    let expected: Vec<IpAddr> = ["2606::1", "1.2.3.4"].map(|one| one.parse().unwrap()).into();
    assert_eq!(addresses, expected);
}
