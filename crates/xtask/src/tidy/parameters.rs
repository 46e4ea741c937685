//! Finds parameters that are tuples: they hide from the limit on arguments what they hold.

use super::lexer::Token;

/// The lines of the parameters that a function takes apart as a tuple.
pub(super) fn tuples(tokens: &[Token<'_>]) -> Vec<usize> {
    let functions = (0..tokens.len()).filter(|&at| tokens[at].is("fn"));
    let lists = functions.filter_map(|at| opening(tokens, at + 2));
    lists.flat_map(|at| of_list(&tokens[at..])).collect()
}

/// Where the list of parameters begins behind the name at `at`, whose generics come first.
fn opening(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 0;
    for place in at..tokens.len() {
        let is_arrow = tokens[place - 1].is("-");
        match tokens[place].text {
            "<" => depth += 1,
            ">" if !is_arrow => depth -= 1,
            "(" if depth == 0 => return Some(place),
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The lines in the list that `tokens` begin with.
fn of_list(tokens: &[Token<'_>]) -> Vec<usize> {
    let (mut depth, mut begins_at, mut found) = (0, None, Vec::new());
    for (place, token) in tokens.iter().enumerate() {
        if token.is("(") || token.is("[") || token.is("{") {
            let begins = token.is("(") && depth == 1;
            let is_first = place > 0 && (tokens[place - 1].is("(") || tokens[place - 1].is(","));
            begins_at = if begins && is_first { Some(token.first_line) } else { begins_at };
            depth += 1;
        } else if token.is(")") || token.is("]") || token.is("}") {
            depth -= 1;
            let is_pattern = tokens.get(place + 1).is_some_and(|next| next.is(":"));
            if depth == 1 {
                found.extend(begins_at.take().filter(|_| is_pattern));
            }
        }
        if depth == 0 {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    #[test]
    fn a_tuple_among_the_parameters_is_found() {
        let check =
            |text: &str, lines: &[usize]| assert_eq!(tuples(&tokens(text)), lines, "{text}");
        check("fn a(b: B, c: (C, D)) -> (E, F) {}", &[]);
        check("fn a((b, c): (B, C)) {}", &[1]);
        check("fn a<T: Fn(B) -> (C)>(\n    &self,\n    (b, c): (B, C),\n) {}", &[3]);
        check(
            "fn a(\n    b: Vec<(A, B)>,\n    (c, d): (C, D),\n    ((e, f), g): (E, G),\n);",
            &[3, 4],
        );
        check("fn a(f: impl Fn(A, (B, C)) -> D, [b, c]: [B; 2], Size(d): Size) {}", &[]);
        check("let a = |(b, c): (B, C)| b;\nlet d: fn((B, C)) = e;", &[]);
    }
}
