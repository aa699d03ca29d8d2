package web

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// policy lets a page load what this server sends and nothing else: no script or
// style that came in with data runs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"

// tokenCookie names the cookie of the server at host. A browser gives the cookies of
// a machine to all its ports, and others may serve pages there with other tokens.
func tokenCookie(host string) string {
	_, port, _ := net.SplitHostPort(host) // without a port there is nothing to add
	return "assay_token" + port
}

// guard keeps out what other sites make a browser ask. Without a token only
// loopback names are answered, so that a site that points its own name at
// 127.0.0.1 (DNS rebinding) reads nothing; with one, whoever brings it is.
// Requests that change something must come from our own pages.
func (s *server) guard(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.Token == "" {
			if !loopback(r.Host) {
				http.Error(w, "These pages answer on this machine's loopback addresses only: open them at http://127.0.0.1, or serve them with a token.", http.StatusMisdirectedRequest)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		if token := r.URL.Query().Get("token"); s.is(token) && r.Method == http.MethodGet {
			// The token moves from the address, which is copied and logged, into a cookie.
			http.SetCookie(w, &http.Cookie{Name: tokenCookie(r.Host), Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			u := *r.URL
			q := u.Query()
			q.Del("token")
			u.RawQuery = q.Encode()
			http.Redirect(w, r, u.RequestURI(), http.StatusSeeOther)
			return
		}
		cookie, err := r.Cookie(tokenCookie(r.Host))
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if (err != nil || !s.is(cookie.Value)) && !s.is(bearer) {
			http.Error(w, "These pages want a token: open the address that assay ui printed, with ?token= at its end.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) is(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) == 1
}

// loopback reports whether a Host header names this machine to itself.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
