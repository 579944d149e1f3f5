// The function of the tests of package states: it does what its event says.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

type event struct {
	Do     string // echo, fail, untyped, sleep, big, exit
	Value  any
	Millis int
	Bytes  int
}

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			os.Exit(1)
		}
		var in event
		err = json.NewDecoder(next.Body).Decode(&in)
		_ = next.Body.Close()
		path, answer := "/response", any(map[string]any{"value": in.Value})
		switch {
		case err != nil:
			path, answer = "/error", map[string]string{"errorType": "BadEvent", "errorMessage": err.Error()}
		case in.Do == "fail":
			path, answer = "/error", map[string]string{"errorType": "Broken", "errorMessage": "as asked"}
		case in.Do == "untyped":
			path, answer = "/error", map[string]string{"message": "as asked"}
		case in.Do == "sleep":
			time.Sleep(time.Duration(in.Millis) * time.Millisecond)
		case in.Do == "big":
			answer = strings.Repeat("x", in.Bytes)
		case in.Do == "exit":
			os.Exit(in.Bytes)
		}
		body, err := json.Marshal(answer)
		if err != nil {
			body = []byte(strconv.Quote(err.Error()))
		}
		done, err := http.Post(base+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+path, "application/json", bytes.NewReader(body))
		if err != nil {
			os.Exit(1)
		}
		_, _ = io.Copy(io.Discard, done.Body) // the runtime API says nothing more
		_ = done.Body.Close()
	}
}
