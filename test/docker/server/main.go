// Command server stands for what runs in a container: it listens on the TCP ports that are its arguments and greets
// whoever connects. It is static, so that an image needs nothing else.
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

func main() {
	for _, port := range os.Args[1:] {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go greet(listener, "hello "+filepath.Base(os.Args[0])+" "+port+"\n")
	}
	select {} // until the container is stopped
}

func greet(listener net.Listener, greeting string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(greeting)) // the caller sees what is missing
		conn.Close()
	}
}
