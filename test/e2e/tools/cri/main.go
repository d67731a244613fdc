// Command cri asks containerd for images as the kubelet does.
//
//	cri SOCKET IMAGE...
//
// It prints a line for each image: ok or FAIL, the image, how long it took, and why not.
// CRI_WAIT is how long it waits for the CRI to be served, 20s if it is not set.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	conn, err := grpc.NewClient("unix://"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil {
		err = wait(cri.NewImageServiceClient(conn))
	}
	if err != nil {
		fmt.Println("FAIL the CRI is not served:", err)
		os.Exit(1)
	}
	for _, image := range os.Args[2:] {
		pull(cri.NewImageServiceClient(conn), image)
	}
}

// wait waits for the CRI plugin, which is later than the socket.
func wait(images cri.ImageServiceClient) error {
	limit, err := time.ParseDuration(os.Getenv("CRI_WAIT"))
	if err != nil {
		limit = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		_, err := images.ListImages(ctx, &cri.ListImagesRequest{})
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func pull(images cri.ImageServiceClient, image string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	start := time.Now()
	_, err := images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: image}})
	took := time.Since(start).Milliseconds()
	if err != nil {
		fmt.Printf("FAIL %s %dms %v\n", image, took, err)
		return
	}
	fmt.Printf("ok %s %dms\n", image, took)
}
