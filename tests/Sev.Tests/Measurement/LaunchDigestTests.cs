using System.Security.Cryptography;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Tests.Firmware;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class LaunchDigestTests
{
    private static readonly KernelHashes Kernel = new(SHA256.HashData("kernel"u8), SHA256.HashData("initrd"u8), "console=ttyS0");

    [Fact]
    public void Update_OnePage_IsTheHashOfItsPageInfo()
    {
        byte[] page = RandomNumberGenerator.GetBytes(4096);
        SnpLaunchDigest digest = new();

        digest.UpdateNormal(0x123000, page, "page");

        byte[] info = [.. new byte[48], .. SHA384.HashData(page), 0x70, 0, 1, 0, 0, 0, 0, 0, 0, 0x30, 0x12, 0, 0, 0, 0, 0];
        Assert.Equal(0x70, info.Length);
        Assert.Equal(SHA384.HashData(info), digest.Digest);
        Assert.Equal(1, digest.PageCount);
    }

    [Theory]
    [InlineData(SnpPageType.Zero, 3)]
    [InlineData(SnpPageType.Unmeasured, 4)]
    [InlineData(SnpPageType.Secrets, 5)]
    [InlineData(SnpPageType.Cpuid, 6)]
    public void UpdateWithoutContents_EachType_MeasuresTypeAndAddress(SnpPageType type, byte number)
    {
        SnpLaunchDigest digest = new();

        digest.UpdateWithoutContents(type, 0xFFFFF000, 4096, "page");

        byte[] info = [.. new byte[96], 0x70, 0, number, 0, 0, 0, 0, 0, 0, 0xF0, 0xFF, 0xFF, 0, 0, 0, 0];
        Assert.Equal(SHA384.HashData(info), digest.Digest);
    }

    // More than two batches, and no whole number of them.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(2048)]
    [InlineData(4099)]
    public void UpdateNormalInParallel_AnyCount_IsTheSameAsPageByPage(int pageCount)
    {
        byte[] data = new byte[pageCount * 4096];
        new Random(pageCount).NextBytes(data);
        SnpLaunchDigest serial = new();
        SnpLaunchDigest parallel = new();
        SnpLaunchDigest single = new();

        serial.UpdateNormal(0x200000, data, "x");
        parallel.UpdateNormalInParallel(0x200000, data, "x");
        for (int page = 0; page < pageCount; page++)
        {
            single.Update(SnpPageType.Normal, 0x200000 + ((ulong)page * 4096), SHA384.HashData(data.AsSpan(page * 4096, 4096)), "x");
        }

        Assert.Equal(serial.Digest, parallel.Digest);
        Assert.Equal(serial.Digest, single.Digest);
        Assert.Equal(pageCount, parallel.PageCount);
    }

    [Fact]
    public void UpdateVmsa_TimeStampFields_DoNotCount()
    {
        Vmsa vmsa = VmsaProfiles.Create(VmsaProfile.QemuInit2, VmsaProfiles.ResetVector, 0xA00F11, 1);
        byte[] scaled = vmsa.Page.ToArray();
        scaled.AsSpan(0x2F0, 16).Fill(0xAA);
        byte[] other = vmsa.Page.ToArray();
        other[0x2EF] = 1;

        Assert.Equal(SHA384.HashData(vmsa.Page), SnpLaunchDigest.HashVmsa(vmsa.Page));
        Assert.Equal(SnpLaunchDigest.HashVmsa(vmsa.Page), SnpLaunchDigest.HashVmsa(scaled));
        Assert.NotEqual(SnpLaunchDigest.HashVmsa(vmsa.Page), SnpLaunchDigest.HashVmsa(other));
        Assert.Equal(0xAA, scaled[0x2F0]);
    }

    [Fact]
    public void Update_NoWholePages_IsRefused()
    {
        SnpLaunchDigest digest = new();

        Assert.Throws<ArgumentException>(() => digest.UpdateNormal(1, new byte[4096], "x"));
        Assert.Throws<ArgumentException>(() => digest.UpdateNormal(0, new byte[4095], "x"));
        Assert.Throws<ArgumentException>(() => digest.UpdateNormalInParallel(0, new byte[4097], "x"));
        Assert.Throws<ArgumentException>(() => digest.UpdateWithoutContents(SnpPageType.Zero, 0, 1, "x"));
        Assert.Throws<ArgumentException>(() => digest.UpdateWithoutContents(SnpPageType.Normal, 0, 4096, "x"));
        Assert.Throws<ArgumentException>(() => digest.Update(SnpPageType.Normal, 0, new byte[47], "x"));
        Assert.Throws<ArgumentException>(() => digest.UpdateVmsa(new byte[4095], "x"));
        Assert.Throws<ArgumentException>(() => new SnpLaunchDigest(new byte[47]));
        Assert.Equal(new byte[48], digest.Digest);
    }

    [Fact]
    public void Compute_SevWithHashesAndVmsas_IsOneHashInCallOrder()
    {
        OvmfFirmware firmware = OvmfBuilder.Complete().Build();
        LaunchInputs inputs = new() { Mode = LaunchMode.SevEs, Firmware = firmware, Kernel = Kernel, VcpuCount = 3 };
        byte[] first = VmsaProfiles.Create(VmsaProfile.QemuInit2, 0xFFFFFFF0, 0x800F12, 0).Page.ToArray();
        byte[] further = VmsaProfiles.Create(VmsaProfile.QemuInit2, 0x80B004, 0x800F12, 0).Page.ToArray();
        byte[] table = Kernel.ToTable().Bytes.ToArray();

        Assert.Equal(SHA256.HashData([.. firmware.Image.Span, .. table, .. first, .. further, .. further]), LaunchDigests.Compute(inputs));
        Assert.Equal(
            SHA256.HashData([.. firmware.Image.Span, .. table]),
            LaunchDigests.Compute(inputs with { Mode = LaunchMode.Sev }));
        Assert.Equal(
            LaunchDigests.Compute(inputs),
            LaunchDigests.Compute(inputs with { Vmsas = [first, further, further], CpuSignature = 1, VcpuCount = 99 }));
    }

    [Fact]
    public void Compute_SnpWithExplicitVmsas_TakesThem()
    {
        LaunchInputs inputs = new() { Mode = LaunchMode.Snp, Firmware = OvmfBuilder.Complete().Build(), VcpuCount = 2 };
        byte[] own = new Vmsa { Rip = 0x200, Cr0 = 0x80000011, SevFeatures = 1 }.Page.ToArray();
        byte[] digest = LaunchDigests.Compute(inputs with { Vmsas = [own] });

        Assert.Equal(LaunchDigests.Compute(inputs), LaunchDigests.Compute(inputs with { Vmsas = LaunchDigests.GetVmsas(inputs) }));
        Assert.NotEqual(LaunchDigests.Compute(inputs), digest);
        Assert.Equal(
            "size",
            Assert.Throws<SevFormatException>(() => LaunchDigests.Compute(inputs with { Vmsas = [own, new byte[1]] })).Field);
        Assert.Throws<SevFormatException>(() => LaunchDigests.Compute(inputs with { Vmsas = [] }));
    }

    [Fact]
    public void Compute_FirmwareDigestKept_ContinuesIt()
    {
        LaunchInputs inputs = new() { Mode = LaunchMode.Snp, Firmware = OvmfBuilder.Complete().Build(), Kernel = Kernel };
        byte[] kept = LaunchDigests.ComputeSnpFirmware(inputs.Firmware);

        Assert.Equal(LaunchDigests.Compute(inputs), LaunchDigests.Compute(inputs with { FirmwareDigest = kept }));
        Assert.Throws<SevFormatException>(() => LaunchDigests.Compute(inputs with { FirmwareDigest = kept.AsMemory(1) }));
    }

    [Fact]
    public void Compute_Trace_ShowsEveryPageAndHowTheDigestGrew()
    {
        LaunchInputs inputs = new() { Mode = LaunchMode.Snp, Firmware = OvmfBuilder.Complete().Build(), Kernel = Kernel, VcpuCount = 2 };
        List<MeasuredStep> trace = [];

        byte[] digest = LaunchDigests.Compute(inputs, trace);

        Assert.Equal(4 + 9 + 4 + 2, trace.Count);
        Assert.Equal(("firmware", "NORMAL", 0xFFFFC000UL), (trace[0].Label, trace[0].Kind, trace[0].Gpa!.Value));
        Assert.Equal(("section SEC_MEM", "ZERO", 0x800000UL), (trace[4].Label, trace[4].Kind, trace[4].Gpa!.Value));
        Assert.Equal(["SECRETS", "CPUID", "ZERO", "NORMAL", "VMSA", "VMSA"], trace.Skip(13).Select(step => step.Kind));
        Assert.Equal(("hash table", 0x810000UL), (trace[16].Label, trace[16].Gpa!.Value));
        Assert.Equal("VMSA of vCPU 1", trace[18].Label);
        Assert.Equal(digest, trace[18].DigestAfter.ToArray());
        Assert.Equal(SHA384.HashData(Kernel.ToTable().ToPage(inputs.Firmware)), trace[16].ContentsHash.ToArray());
        Assert.Equal(new byte[48], trace[4].ContentsHash.ToArray());
        Assert.Equal(trace.Count, trace.Select(step => Convert.ToHexString(step.DigestAfter.Span)).Distinct().Count());
    }

    [Fact]
    public void Compute_SevTrace_ShowsEveryCall()
    {
        LaunchInputs inputs = new() { Mode = LaunchMode.SevEs, Firmware = OvmfBuilder.Complete().Build(), Kernel = Kernel };
        List<MeasuredStep> trace = [];

        byte[] digest = LaunchDigests.Compute(inputs, trace);

        Assert.Equal(["firmware", "hash table", "VMSA of vCPU 0"], trace.Select(step => step.Label));
        Assert.Equal(["DATA", "DATA", "VMSA"], trace.Select(step => step.Kind));
        Assert.Equal([0xFFFFC000UL, 0x810C00UL, null], trace.Select(step => step.Gpa));
        Assert.Equal([16384L, 176, 4096], trace.Select(step => step.Size));
        Assert.Equal(digest, trace[2].DigestAfter.ToArray());
        Assert.Equal(SHA256.HashData(inputs.Firmware.Image.Span), trace[0].ContentsHash.ToArray());
        Assert.Equal(trace[0].ContentsHash.ToArray(), trace[0].DigestAfter.ToArray());
    }

    [Fact]
    public void Compute_MonitorsPageOrders_Differ()
    {
        LaunchInputs inputs = new() { Mode = LaunchMode.Snp, Firmware = OvmfBuilder.Complete().Build() };
        List<MeasuredStep> ec2 = [];
        List<MeasuredStep> gce = [];

        LaunchDigests.Compute(inputs with { Profile = VmsaProfile.Ec2 }, ec2);
        LaunchDigests.Compute(inputs with { Profile = VmsaProfile.Gce }, gce);

        Assert.Equal(["SECRETS", "ZERO", "ZERO", "CPUID", "VMSA"], ec2.Skip(13).Select(step => step.Kind));
        Assert.Equal(Enumerable.Repeat("UNMEASURED", 9), gce.Skip(4).Take(9).Select(step => step.Kind));
        Assert.Equal(["SECRETS", "CPUID", "ZERO", "ZERO", "VMSA"], gce.Skip(13).Select(step => step.Kind));
    }

    [Fact]
    public void Compute_InputsThatCannotBeLaunched_NameTheField()
    {
        OvmfFirmware noReset = OvmfBuilder.Complete().Remove(OvmfTableIds.SevEsResetBlock).Build();
        OvmfFirmware noSnp = OvmfFirmware.Parse(new byte[8192], "plain");
        OvmfFirmware odd = OvmfFirmware.Parse(new byte[4097], "odd");
        LaunchInputs snp = new() { Mode = LaunchMode.Snp, Firmware = noReset };
        LaunchInputs sev = new() { Mode = LaunchMode.Sev, Firmware = odd };

        Assert.Equal(48, LaunchDigests.Compute(snp).Length);
        Assert.Equal("SEV-ES reset block", FieldOf(snp with { VcpuCount = 2 }));
        Assert.Equal("vCPU count", FieldOf(snp with { VcpuCount = 0 }));
        Assert.Equal("vCPU count", FieldOf(snp with { VcpuCount = LaunchInputs.MaximumVcpuCount + 1 }));
        Assert.Equal("SEV metadata", FieldOf(snp with { Firmware = noSnp }));
        Assert.Equal("size", FieldOf(snp with { Firmware = odd }));
        Assert.Equal("size", FieldOf(sev));
        Assert.Equal("SEV hash area", FieldOf(sev with { Firmware = noSnp, Kernel = Kernel }));

        static string FieldOf(LaunchInputs inputs) => Assert.Throws<SevFormatException>(() => LaunchDigests.Compute(inputs)).Field;
    }

    [Fact]
    public void SevLaunchDigest_Pieces_GiveTheSameAsTheWhole()
    {
        byte[] data = new byte[20 << 20];
        new Random(3).NextBytes(data);
        List<long> reports = [];
        using SevLaunchDigest whole = new() { Progress = new Listener(reports) };
        using SevLaunchDigest pieces = new();

        whole.UpdateData(null, data, "whole");
        for (int offset = 0; offset < data.Length; offset += 5 << 20)
        {
            pieces.UpdateData(null, data.AsSpan(offset, 5 << 20), "piece");
        }

        Assert.Equal(SHA256.HashData(data), whole.GetDigest());
        Assert.Equal(whole.GetDigest(), pieces.GetDigest());
        Assert.Equal([8L << 20, 16L << 20, 20L << 20], reports);
        Assert.Throws<ArgumentException>(() => whole.UpdateData(null, new byte[15], "odd"));
        Assert.Throws<ArgumentException>(() => whole.UpdateVmsa(new byte[15], "odd"));
    }

    [Fact]
    public void SevLaunchDigest_Fork_GoesItsOwnWay()
    {
        using SevLaunchDigest digest = new();
        digest.UpdateData(null, new byte[16], "x");
        using SevLaunchDigest fork = digest.Fork();
        fork.UpdateData(null, new byte[16], "y");

        Assert.Equal(SHA256.HashData(new byte[16]), digest.GetDigest());
        Assert.Equal(SHA256.HashData(new byte[32]), fork.GetDigest());
        Assert.Equal((16, 32), (digest.ByteCount, fork.ByteCount));
    }

    private sealed class Listener(List<long> reports) : IProgress<long>
    {
        public void Report(long value) => reports.Add(value);
    }
}
