using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Tests.Boot;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

public sealed class SnpLaunchTests : IDisposable
{
    private const ulong MiB = 1 << 20;
    private const uint Signature = 0x00A0_0F11;

    /// <summary>A launch of <see cref="OvmfBuilder.Complete"/> with hashes: firmware, then the sections as its table has them.</summary>
    private static readonly string[] Golden =
    [
        "INIT2",
        "LAUNCH_START 0x30000",
        "SET_PRIVATE 0xffffc000 +0x4000 True",
        "LAUNCH_UPDATE 0xffffc000 +0x4000 Normal",
        "SET_PRIVATE 0x800000 +0x9000 True",
        "LAUNCH_UPDATE 0x800000 +0x9000 Zero",
        "SET_PRIVATE 0x80d000 +0x1000 True",
        "LAUNCH_UPDATE 0x80d000 +0x1000 Secrets",
        "SET_PRIVATE 0x80e000 +0x1000 True",
        "LAUNCH_UPDATE 0x80e000 +0x1000 Cpuid",
        "SET_PRIVATE 0x80f000 +0x1000 True",
        "LAUNCH_UPDATE 0x80f000 +0x1000 Zero",
        "SET_PRIVATE 0x810000 +0x1000 True",
        "LAUNCH_UPDATE 0x810000 +0x1000 Normal",
        "LAUNCH_FINISH block 0 auth 0 author False vcek-disabled False host-data 0",
    ];

    private static readonly KvmCpuidEntry2[] Cpuid =
    [
        new() { Function = 0, Eax = 0xD, Ebx = 0x68747541 },
        new() { Function = 1, Eax = Signature, Ecx = 1u << 24 | 1, Edx = 0x1789_FBFF },
        new() { Function = 7, Index = 0, Flags = 1, Ebx = 0b11, Edx = 0xFFFF_FFFF },
        new() { Function = 0xD, Index = 0, Flags = 1, Eax = 7, Ebx = 0x340, Ecx = 0x340 },
        new() { Function = 0xD, Index = 2, Flags = 1, Eax = 0x100, Ebx = 0x240 },
        new() { Function = 0x14 },
        new() { Function = 0x4000_0000, Eax = 0x4000_0001, Ebx = 0x4B4D_564B },
        new() { Function = 0x8000_0008, Eax = 0x3030, Ebx = 1u << 25 | 2 },
    ];

    private readonly TempDirectory _folder = new();
    private readonly GuestMemory _memory = GuestMemory.Create(GuestLayout.Create(64 * MiB, 48, SevMode.SevSnp, 51, 16384));

    public void Dispose()
    {
        _memory.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Run_Complete_IssuesExactlyTheseCommands()
    {
        RecordingSnpCommands commands = new();
        commands.Initialize();

        Launch(commands, Firmware(OvmfBuilder.Complete(), withHashes: true), Input());

        Assert.Equal(Golden, commands.Transcript);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(true, 3)]
    public void Run_OnTheModel_GivesTheForetoldDigest(bool withHashes, int vcpus)
    {
        GuestFirmware firmware = Firmware(OvmfBuilder.Complete(), withHashes);
        LaunchInputs inputs = Inputs(firmware, withHashes, vcpus);
        byte[][] saveAreas = [.. LaunchDigests.GetVmsas(inputs).Select(static page => page.ToArray())];
        using SoftwareSnpGuest guest = SoftwarePsp.Create().CreateSnpGuest(() => saveAreas);
        RecordingSnpCommands commands = new(guest);
        commands.Initialize();

        SnpLaunchResult result = Launch(commands, firmware, Input(), saveAreas);

        byte[] foretold = LaunchDigests.Compute(inputs);
        Assert.Equal(foretold, guest.LaunchDigest.ToArray());
        Assert.Equal(foretold, result.Digest.ToArray());
        Assert.True(result.IsDigestWhole);
        Assert.Equal(SnpGuestState.Running, guest.State);
        Assert.Equal(16384UL + (14 * 4096), result.LaunchedBytes + 4096);
    }

    [Fact]
    public void Run_WithHashes_LaunchesTheVeryPageThatMeasureHashes()
    {
        GuestFirmware firmware = Firmware(OvmfBuilder.Complete(), withHashes: true);
        SnpSection section = Assert.Single(firmware.Image.SnpSections, static candidate => candidate.Type == SnpSectionType.KernelHashes);
        RecordingSnpCommands commands = new();

        Launch(commands, firmware, Input());

        Assert.Equal(firmware.Image.Image.ToArray(), commands.NormalPieces[firmware.Range.Start.Value]);
        Assert.Equal(firmware.Hashes!.ToPage(firmware.Image), commands.NormalPieces[section.Gpa]);
        Assert.Equal(2, commands.NormalPieces.Count);
    }

    [Fact]
    public void Run_RefusedStart_NamesThePolicyAndTheVersionItAsksFor()
    {
        SevCommandFailedException refused = RefuseStart(PspStatus.PolicyFailure);

        Assert.StartsWith(
            "--sev policy 0x30237, for SNP ABI 2.55 or later: SNP_LAUNCH_START failed", refused.Message, StringComparison.Ordinal);
        Assert.Equal((PspStatus.PolicyFailure, "SNP_LAUNCH_START", "Update."), (refused.Status!.Value, refused.Command, refused.Hint));
    }

    [Fact]
    public void Run_StartRefusedForWantOfRoom_DoesNotBlameThePolicy()
    {
        SevCommandFailedException refused = RefuseStart(PspStatus.ResourceLimit);

        Assert.StartsWith("SNP_LAUNCH_START failed", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_WithTheOtherHypercallAbi_IsRefusedBeforeTheHostIsTouched()
    {
        VmConfig config = new()
        {
            Boot = new BootConfig(null, null, string.Empty, "no-such-firmware"),
            Sev = new SevConfig { Mode = SevMode.SevSnp },
            HypercallAbi = HypercallAbi.PageEncStatus,
            KvmPath = "no-such-device",
        };
        MachineIo io = new(Stream.Null, null, TextWriter.Null, null, 0) { Stop = new StopSignal() };

        InvalidInputException refused = Assert.Throws<InvalidInputException>(() => VirtualMachineBuilder.Build(config, io, Logger.None));

        Assert.Contains("map-gpa-range", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_IdBlockOfThisLaunch_IsAcceptedAndHostDataIsKept()
    {
        GuestFirmware firmware = Firmware(OvmfBuilder.Complete(), withHashes: true);
        LaunchInputs inputs = Inputs(firmware, true, 1);
        byte[][] saveAreas = [.. LaunchDigests.GetVmsas(inputs).Select(static page => page.ToArray())];
        SevConfig config = WriteIdBlock(LaunchDigests.Compute(inputs), SnpPolicy.Default);
        using SoftwareSnpGuest guest = SoftwarePsp.Create().CreateSnpGuest(() => saveAreas);
        guest.Initialize();

        SnpLaunchResult result = Launch(guest, firmware, SnpLaunchInput.Read(config), saveAreas);

        Assert.Equal(SnpGuestState.Running, guest.State);
        Assert.Equal(32, result.HostData.Length);
    }

    [Fact]
    public void Run_IdBlockOfAnotherLaunch_IsTheFirmwaresToRefuse()
    {
        GuestFirmware firmware = Firmware(OvmfBuilder.Complete(), withHashes: true);
        SevConfig config = WriteIdBlock(new byte[48], SnpPolicy.Default);
        using SoftwareSnpGuest guest = SoftwarePsp.Create().CreateSnpGuest(static () => [new byte[4096]]);
        guest.Initialize();

        SevCommandFailedException refused = Assert.Throws<SevCommandFailedException>(
            () => Launch(guest, firmware, SnpLaunchInput.Read(config), [new byte[4096]]));

        Assert.Equal(PspStatus.BadMeasurement, refused.Status);
    }

    [Fact]
    public void Run_CpuidPageThatIsCorrected_IsOfferedOnceMoreAsCorrected()
    {
        RecordingSnpCommands commands = new()
        {
            OnCpuid = static (attempt, page) =>
            {
                if (attempt == 1)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(16 + 24), 0x10);
                    throw SevCommandFailedException.FromStatus("SNP_LAUNCH_UPDATE", PspStatus.InvalidParam, "corrected");
                }
            },
        };

        Launch(commands, Firmware(OvmfBuilder.Complete(), withHashes: true), Input());

        Assert.Equal(2, commands.CpuidPages.Count);
        Assert.Equal(0x10u, BinaryPrimitives.ReadUInt32LittleEndian(commands.CpuidPages[1].AsSpan(16 + 24)));
        Assert.Equal(
            ["CPUID 0x0/0 EAX: 0xd was offered, the firmware wants 0x10"],
            SnpCpuidPage.Compare(commands.CpuidPages[0], commands.CpuidPages[1]));
        Assert.EndsWith("host-data 0", commands.Transcript[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 1)]
    public void Run_CpuidPageThatIsRefused_IsNotOfferedForEver(bool correctsAlways, int attempts)
    {
        RecordingSnpCommands commands = new()
        {
            OnCpuid = (attempt, page) =>
            {
                page[16 + 24] = (byte)(correctsAlways ? attempt : page[16 + 24]);
                throw SevCommandFailedException.FromStatus("SNP_LAUNCH_UPDATE", PspStatus.InvalidParam, "no");
            },
        };

        Assert.Throws<SevCommandFailedException>(() => Launch(commands, Firmware(OvmfBuilder.Complete(), withHashes: true), Input()));

        Assert.Equal(attempts, commands.CpuidPages.Count);
        Assert.DoesNotContain(commands.Transcript, static line => line.StartsWith("LAUNCH_FINISH", StringComparison.Ordinal));
    }

    [Fact]
    public void CpuidPage_HoldsWhatTheFirmwareTakesAndNothingElse()
    {
        byte[] page = new byte[4096];

        SnpCpuidPage.Write(page, Cpuid);

        Assert.Equal(7u, BinaryPrimitives.ReadUInt32LittleEndian(page));
        Assert.Equal((1u, 0u, 0UL, Signature, 0u, 1u, 0x1789_FBFFu), Entry(page, 1)); // no TSC_DEADLINE
        Assert.Equal((7u, 0u, 0UL, 0u, 1u, 0u, 0x03FF_FFFFu), Entry(page, 2)); // no TSC_ADJUST, no speculation controls
        Assert.Equal((0xDu, 0u, 1UL, 7u, 0x240u, 0x340u, 0u), Entry(page, 3)); // the size for XCR0 = 1
        Assert.Equal((0xDu, 2u, 0UL, 0x100u, 0x240u, 0u, 0u), Entry(page, 4));
        Assert.Equal((0x4000_0000u, 0u, 0UL, 0x4000_0001u, 0x4B4D_564Bu, 0u, 0u), Entry(page, 5)); // or Linux finds no KVM
        Assert.Equal((0x8000_0008u, 0u, 0UL, 0x3030u, 2u, 0u, 0u), Entry(page, 6)); // no VIRT_SSBD
        Assert.True(page.AsSpan(16 + (7 * 48)).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void CpuidPage_OfMoreThan64Leaves_IsRefused()
    {
        KvmCpuidEntry2[] many =
            [.. Enumerable.Range(0, 65).Select(static i => new KvmCpuidEntry2 { Function = 4, Index = (uint)i, Flags = 1, Eax = 1 })];

        SnpCpuidPage.Write(new byte[4096], many.AsSpan(0, 64));
        Assert.Contains(
            "(64)", Assert.Throws<HostLacksException>(() => SnpCpuidPage.Write(new byte[4096], many)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_SectionOutsideRam_IsNamedBeforeAnythingHappens()
    {
        RecordingSnpCommands commands = new();
        OvmfBuilder builder = OvmfBuilder.Complete().AddSection(0x1000_0000, 0x1000, 1);

        InvalidInputException refused = Assert.Throws<InvalidInputException>(() => Launch(commands, Firmware(builder, false), Input()));

        Assert.Contains("SEC_MEM at [0x10000000, 0x10001000) is not in the guest's RAM", refused.Message, StringComparison.Ordinal);
        Assert.Empty(commands.Transcript);
    }

    [Fact]
    public void Run_FirmwareWithoutMetadata_IsRefusedBeforeAnythingHappens()
    {
        RecordingSnpCommands commands = new();

        SevFormatException refused = Assert.Throws<SevFormatException>(
            () => Launch(commands, Firmware(new OvmfBuilder().Add(OvmfTableIds.SevEsResetBlock, 0x80b004), false), Input()));

        Assert.Equal("SEV metadata", refused.Field);
        Assert.Empty(commands.Transcript);
    }

    [Theory]
    [InlineData(0x10000UL, "bit 17")]
    [InlineData(0x8000_0000_0003_0000UL, "reserved")]
    public void Read_PolicyThatCannotBe_IsRefused(ulong policy, string words)
    {
        InvalidInputException refused = Assert.Throws<InvalidInputException>(
            () => SnpLaunchInput.Read(new SevConfig { Mode = SevMode.SevSnp, SnpPolicy = new SnpPolicy(policy) }));

        Assert.Equal("policy", refused.Field);
        Assert.Contains(words, refused.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Read_IdBlockWithWrongPolicyOrSignature_IsRefusedWithItsProperty()
    {
        SevConfig wrongPolicy = WriteIdBlock(new byte[48], new SnpPolicy(0x20000));
        Assert.Equal("id-block.policy", Assert.Throws<InvalidInputException>(() => SnpLaunchInput.Read(wrongPolicy)).Field);

        SevConfig wrongSignature = WriteIdBlock(new byte[48], SnpPolicy.Default);
        byte[] block = File.ReadAllBytes(wrongSignature.IdBlockPath!);
        block[50] ^= 1;
        File.WriteAllBytes(wrongSignature.IdBlockPath!, block);
        Assert.Equal("id-block.signature", Assert.Throws<InvalidInputException>(() => SnpLaunchInput.Read(wrongSignature)).Field);
    }

    [Fact]
    public void Read_HalfAnIdBlock_NamesTheOtherHalf()
    {
        SevConfig config = WriteIdBlock(new byte[48], SnpPolicy.Default);

        Assert.Equal(
            "id-auth", Assert.Throws<InvalidInputException>(() => SnpLaunchInput.Read(config with { IdAuthenticationPath = null })).Field);
        Assert.Equal("id-block", Assert.Throws<InvalidInputException>(() => SnpLaunchInput.Read(config with { IdBlockPath = null })).Field);
        Assert.Equal(
            "author-key",
            Assert.Throws<InvalidInputException>(
                () => SnpLaunchInput.Read(config with { IdBlockPath = null, IdAuthenticationPath = null, HasAuthorKey = true })).Field);
    }

    private SevCommandFailedException RefuseStart(PspStatus status)
    {
        RecordingSnpCommands commands = new()
        {
            StartRefusal = SevCommandFailedException.FromStatus("SNP_LAUNCH_START", status, "Too new.", "Update."),
        };
        SnpLaunchInput input = SnpLaunchInput.Read(new SevConfig { Mode = SevMode.SevSnp, SnpPolicy = new SnpPolicy(0x3_0237) });

        return Assert.Throws<SevCommandFailedException>(
            () => Launch(commands, Firmware(OvmfBuilder.Complete(), withHashes: false), input));
    }

    private static (uint Leaf, uint Subleaf, ulong Xcr0, uint Eax, uint Ebx, uint Ecx, uint Edx) Entry(byte[] page, int index)
    {
        ReadOnlySpan<byte> entry = page.AsSpan(16 + (index * 48), 48);
        return (
            BinaryPrimitives.ReadUInt32LittleEndian(entry),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]),
            BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[28..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[32..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[36..]));
    }

    private static LaunchInputs Inputs(GuestFirmware firmware, bool withHashes, int vcpus) => new()
    {
        Mode = LaunchMode.Snp,
        Firmware = firmware.Image,
        Kernel = withHashes ? new KernelHashes(SHA256.HashData("kernel"u8), null, "console=ttyS0") : null,
        VcpuCount = vcpus,
        CpuSignature = Signature,
    };

    private static SnpLaunchInput Input() => SnpLaunchInput.Read(new SevConfig { Mode = SevMode.SevSnp });

    private GuestFirmware Firmware(OvmfBuilder builder, bool withHashes)
    {
        string image = _folder.Write("OVMF.fd", builder.ToBytes());
        string kernel = _folder.Write("kernel", "kernel"u8.ToArray());
        return GuestFirmware.Read(new BootConfig(kernel, null, "console=ttyS0", image), withHashes);
    }

    private SnpLaunchResult Launch(
        ISnpCommands commands, GuestFirmware firmware, SnpLaunchInput input, IReadOnlyList<byte[]>? saveAreas = null)
    {
        LoadedImage image = LoadedImage.LoadFirmware(firmware, _memory);
        return new SnpLaunch(commands, input, Logger.None).Run(_memory, image.Firmware!, Cpuid, saveAreas ?? []);
    }

    private SevConfig WriteIdBlock(byte[] digest, SnpPolicy policy)
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using ECDsa authorKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(digest, policy);
        return new SevConfig
        {
            Mode = SevMode.SevSnp,
            IdBlockPath = _folder.Write("id-block", block.Bytes.ToArray()),
            IdAuthenticationPath = _folder.Write("id-auth", IdAuthentication.Create(block, idKey, authorKey).Bytes.ToArray()),
            HasAuthorKey = true,
            HostDataPath = _folder.Write("host-data", [.. Enumerable.Range(0, 32).Select(static i => (byte)i)]),
        };
    }
}
