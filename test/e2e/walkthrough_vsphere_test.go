//go:build e2e && linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// machine is the description of a virtual machine with one disk, as the OVAs of nodes have it.
const machine = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:href="disk.vmdk" ovf:id="file1" ovf:size="4"/></References>
  <DiskSection><Info>disks</Info><Disk ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="disk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <NetworkSection><Info>networks</Info><Network ovf:name="nic0"><Description>nic0</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="node"><Info>node</Info><Name>node</Name>
    <OperatingSystemSection ovf:id="94"><Info>Ubuntu</Info></OperatingSystemSection>
    <VirtualHardwareSection><Info>hardware</Info>
      <System><vssd:ElementName>family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemIdentifier>node</vssd:VirtualSystemIdentifier><vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>
      <Item><rasd:ElementName>cpu</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>64</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>scsi</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>disk</rasd:ElementName><rasd:HostResource>ovf:/disk/disk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`

// V36: the lines for govc in docs/vsphere.md, by the real govc, make a template with a snapshot of an OVA out of the archive.
// The vCenter is the simulator of govmomi.
func TestWalkthrough2020VSphere(t *testing.T) {
	if !full() {
		t.Skip("AIRGAP_E2E_FULL is not 1: govc, which takes two minutes to build, was NOT run")
	}
	govc, vcsim := install(t, "github.com/vmware/govmomi/govc@v0.30.4"), install(t, "github.com/vmware/govmomi/vcsim@v0.30.4")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "node.ovf"), machine)
	writeFile(t, filepath.Join(dir, "disk.vmdk"), "disk")
	run(t, "tar", "-C", dir, "-cf", filepath.Join(dir, "node.ova"), "node.ovf", "disk.vmdk")
	must(t, "pull", "--file", filepath.Join(dir, "node.ova"), "-o", filepath.Join(dir, "site.tar"))
	run(t, "tar", "-C", dir, "-xf", filepath.Join(dir, "site.tar"), "ovas")

	page, err := os.ReadFile(filepath.Join(root, "docs/vsphere.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := ""
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "    govc ") && !strings.Contains(line, "haproxy") {
			script += line
		}
	}
	if strings.Count(script, "\n") != 3 {
		t.Fatalf("docs/vsphere.md has other lines than import, snapshot and template:\n%s", script)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script+"govc object.collect -s vm/ubuntu-1804-kube-v1.17.4 config.template snapshot.currentSnapshot")
	cmd.Dir = dir
	cmd.Env = append(simulated(t, vcsim), "PATH="+filepath.Dir(govc)+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "\ntrue\n") || !strings.Contains(string(out), "VirtualMachineSnapshot:") {
		t.Errorf("%v\n%s", err, out)
	}
}

// simulated starts the simulator and gives the variables by which govc finds what it has.
func simulated(t *testing.T, vcsim string) []string {
	t.Helper()
	said := filepath.Join(t.TempDir(), "said")
	server := exec.Command(vcsim, "-l", "127.0.0.1:0", "-E", "-")
	server.Stdout, server.SysProcAttr = createFile(t, said), dieWithParent()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	for range 1000 {
		text, _ := os.ReadFile(said)
		if _, rest, ok := strings.Cut(string(text), "GOVC_URL="); ok && strings.Contains(rest, "\n") {
			return []string{
				"GOVC_URL=" + strings.Fields(rest)[0], "GOVC_INSECURE=1", "GOVC_DATACENTER=DC0", "GOVC_DATASTORE=LocalDS_0",
				"GOVC_NETWORK=VM Network", "GOVC_RESOURCE_POOL=/DC0/host/DC0_C0/Resources", "GOVC_FOLDER=vm",
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the simulator does not say where it listens")
	return nil
}
