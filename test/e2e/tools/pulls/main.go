// Pulls asks the libraries of other node systems for images, by the configuration that the
// plugin wrote for them:
//
//	pulls rke2 REGISTRIES_YAML IMAGE...    github.com/rancher/wharfie, RKE2's and K3s's own
//	pulls cri-o ROOT IMAGE...              github.com/containers/image, CRI-O's own
//	pulls talos PATCH...                   github.com/siderolabs/talos, prints what Talos makes of it
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containers/image/v5/docker"
	"github.com/containers/image/v5/types"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/rancher/wharfie/pkg/registries"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
)

func main() {
	do := map[string]func([]string) error{"rke2": rke2, "cri-o": crio, "talos": talos}[os.Args[1]]
	if err := do(os.Args[2:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func rke2(args []string) error {
	config, err := registries.GetPrivateRegistries(args[0])
	if err != nil {
		return err
	}
	for _, image := range args[1:] {
		ref, err := name.ParseReference(image)
		if err != nil {
			return err
		}
		got, err := config.Image(ref)
		if err != nil {
			return err
		}
		digest, err := got.Digest()
		fmt.Println(image, digest)
		if err != nil {
			return err
		}
	}
	return nil
}

func crio(args []string) error {
	etc := filepath.Join(args[0], "etc")
	system := &types.SystemContext{
		SystemRegistriesConfPath:    os.DevNull,
		SystemRegistriesConfDirPath: filepath.Join(etc, "containers/registries.conf.d"),
		DockerPerHostCertDirPath:    filepath.Join(etc, "containers/certs.d"),
		AuthFilePath:                filepath.Join(etc, "crio/airgap-auth.json"),
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, image := range args[1:] {
		ref, err := docker.ParseReference("//" + image)
		if err != nil {
			return err
		}
		source, err := ref.NewImageSource(ctx, system)
		if err != nil {
			return err
		}
		_, kind, err := source.GetManifest(ctx, nil)
		fmt.Println(image, kind)
		if err != nil {
			return err
		}
	}
	return nil
}

const machine = "version: v1alpha1\nmachine: {type: worker, token: a.b, install: {disk: /dev/sda}}\ncluster: {controlPlane: {endpoint: \"https://10.0.0.1:6443\"}}\n"

func talos(args []string) error {
	for _, file := range args {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		patches, err := configpatcher.LoadPatches([]string{string(text)})
		if err != nil {
			return err
		}
		out, err := configpatcher.Apply(configpatcher.WithBytes([]byte(machine)), patches)
		if err != nil {
			return err
		}
		whole, err := out.Bytes()
		if err != nil {
			return err
		}
		config, err := configloader.NewFromBytes(whole)
		if err != nil {
			return err
		}
		var lines []string
		for host, m := range config.RegistryMirrorConfigs() {
			for _, e := range m.Endpoints() {
				lines = append(lines, fmt.Sprintln("mirror", host, e.Endpoint(), e.OverridePath(), m.SkipFallback()))
			}
		}
		for host, c := range config.RegistryTLSConfigs() {
			lines = append(lines, fmt.Sprintf("ca %s %q\n", host, c.CA()))
		}
		for host, c := range config.RegistryAuthConfigs() {
			lines = append(lines, fmt.Sprintf("auth %s %q %q %q\n", host, c.Username(), c.Password(), c.Auth()))
		}
		slices.Sort(lines)
		for _, line := range lines {
			fmt.Print(line)
		}
	}
	return nil
}
