using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

/// <summary>The very structures that the kernel gets; their layout is compared with the kernel's headers elsewhere.</summary>
public sealed class KernelSevCommandsTests
{
    [Theory]
    [InlineData(SevGuestKind.Sev, false, SevCommandId.Init, 0)]
    [InlineData(SevGuestKind.SevEs, false, SevCommandId.EsInit, 0)]
    [InlineData(SevGuestKind.Sev, true, SevCommandId.Init2, 48)]
    [InlineData(SevGuestKind.SevEs, true, SevCommandId.Init2, 48)]
    public void Initialize_IsTheCommandOfKindAndVmType_AllZero(SevGuestKind kind, bool hasInit2, SevCommandId id, int size)
    {
        FakeSevKernel kernel = new();
        using KernelSevCommands commands = new(kernel, hasInit2);

        commands.Initialize(kind);

        (SevCommandId called, byte[] payload) = Assert.Single(kernel.Calls);
        Assert.Equal(id, called);
        Assert.Equal(new byte[size], payload);
    }

    [Fact]
    public void LaunchStart_WithoutOwner_HasNullPointers()
    {
        FakeSevKernel kernel = new() { Answer = static (_, start) => start[0] = 9 };
        using KernelSevCommands commands = new(kernel, hasInit2: false);

        uint handle = commands.LaunchStart(new LaunchStartRequest(new SevPolicy(0x0102_0001), default, default));

        Assert.Equal(9u, handle);
        KvmSevLaunchStart start = MemoryMarshal.Read<KvmSevLaunchStart>(Assert.Single(kernel.Calls).Payload);
        byte[] expected = new byte[40];
        MemoryMarshal.Write(expected.AsSpan(4), 0x0102_0001u);
        Assert.Equal(expected, kernel.Calls[0].Payload);
        Assert.Equal(0x0102_0001u, start.Policy);
    }

    [Fact]
    public void LaunchStart_WithOwner_PointsAtBothBlobsAndWipesThemAfterwards()
    {
        byte[] godh = new byte[2084];
        byte[] session = new byte[128];
        Random random = new(3);
        random.NextBytes(godh);
        random.NextBytes(session);
        byte[] seenGodh = [];
        byte[] seenSession = [];
        FakeSevKernel kernel = new()
        {
            Answer = (_, payload) =>
            {
                KvmSevLaunchStart start = MemoryMarshal.Read<KvmSevLaunchStart>(payload);
                seenGodh = FakeSevKernel.Read(start.DhUaddr, (int)start.DhLen);
                seenSession = FakeSevKernel.Read(start.SessionUaddr, (int)start.SessionLen);
            },
        };
        using KernelSevCommands commands = new(kernel, hasInit2: false);

        commands.LaunchStart(new LaunchStartRequest(new SevPolicy(1), godh, session));

        Assert.Equal(godh, seenGodh);
        Assert.Equal(session, seenSession);
        KvmSevLaunchStart issued = MemoryMarshal.Read<KvmSevLaunchStart>(kernel.Calls[0].Payload);
        Assert.Equal(new byte[128], FakeSevKernel.Read(issued.SessionUaddr, 128));
    }

    [Fact]
    public void LaunchMeasure_AsksForTheLengthAndThenForTheBlob()
    {
        byte[] blob = [.. Enumerable.Range(100, 48).Select(static i => (byte)i)];
        FakeSevKernel kernel = new() { Answer = (_, payload) => AnswerMeasure(payload, blob, 48) };
        using KernelSevCommands commands = new(kernel, hasInit2: true);

        LaunchMeasurement measurement = commands.LaunchMeasure();

        Assert.Equal(blob, measurement.Bytes.ToArray());
        Assert.Equal([SevCommandId.LaunchMeasure, SevCommandId.LaunchMeasure], kernel.Calls.Select(static call => call.Id));
        Assert.Equal(new byte[16], kernel.Calls[0].Payload);
        Assert.Equal(48u, MemoryMarshal.Read<KvmSevLaunchMeasure>(kernel.Calls[1].Payload).Len);
    }

    [Fact]
    public void LaunchMeasure_AnotherLength_IsRefusedBeforeAnythingIsWritten()
    {
        FakeSevKernel kernel = new() { Answer = (_, payload) => AnswerMeasure(payload, new byte[64], 64) };
        using KernelSevCommands commands = new(kernel, hasInit2: true);

        SevCommandFailedException refused = Assert.Throws<SevCommandFailedException>(commands.LaunchMeasure);

        Assert.Equal("KVM_SEV_LAUNCH_MEASURE failed: the firmware gives 64 bytes, not 48.", refused.Message);
        Assert.Single(kernel.Calls);
    }

    [Theory]
    [InlineData(Errno.EIO, 0x07u, PspStatus.PolicyFailure, "EIO (5), firmware POLICY_FAILURE (0x07)")]
    [InlineData(Errno.EIO, 0x17u, PspStatus.ResourceLimit, "EIO (5), firmware RESOURCE_LIMIT (0x17)")]
    [InlineData(Errno.EBUSY, 0u, null, "EBUSY (16)")]
    [InlineData(Errno.ENODEV, 0xFFFF_FFFFu, null, "ENODEV (19), firmware NO_FW_CALL (-1)")]
    public void Refusal_CarriesCommandErrnoFirmwareStatusAndHint(Errno errno, uint firmware, PspStatus? status, string words)
    {
        FakeSevKernel kernel = new() { Answer = (id, _) => throw SevCommandException.FromErrno(id, (int)errno, firmware) };
        using KernelSevCommands commands = new(kernel, hasInit2: true);

        SevCommandFailedException refused = Assert.Throws<SevCommandFailedException>(
            () => commands.LaunchStart(new LaunchStartRequest(new SevPolicy(1), default, default)));

        Assert.Equal("KVM_SEV_LAUNCH_START", refused.Command);
        Assert.Equal(status, refused.Status);
        Assert.StartsWith($"KVM_SEV_LAUNCH_START failed: {words}. ", refused.Message, StringComparison.Ordinal);
        Assert.NotNull(refused.Hint);
        Assert.EndsWith(refused.Hint, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RefusedRegion_IsWrappedToo()
    {
        using KernelSevCommands commands = new(new FakeSevKernel(), hasInit2: true);
        GuestMemoryRegion region = new(0, 0x1000, 0x1000);

        SevCommandFailedException register = Assert.Throws<SevCommandFailedException>(() => commands.RegisterRegion(region));
        SevCommandFailedException unregister = Assert.Throws<SevCommandFailedException>(() => commands.UnregisterRegion(region));

        Assert.Equal("KVM_MEMORY_ENCRYPT_REG_REGION", register.Command);
        Assert.Equal("KVM_MEMORY_ENCRYPT_UNREG_REGION", unregister.Command);
    }

    [Fact]
    public void InjectSecret_NamesHeaderDataAndTarget()
    {
        byte[] header = [.. Enumerable.Range(1, 52).Select(static i => (byte)i)];
        byte[] data = [.. Enumerable.Range(60, 32).Select(static i => (byte)i)];
        byte[] seenHeader = [];
        byte[] seenData = [];
        FakeSevKernel kernel = new()
        {
            Answer = (_, payload) =>
            {
                KvmSevLaunchSecret secret = MemoryMarshal.Read<KvmSevLaunchSecret>(payload);
                seenHeader = FakeSevKernel.Read(secret.HdrUaddr, (int)secret.HdrLen);
                seenData = FakeSevKernel.Read(secret.TransUaddr, (int)secret.TransLen);
            },
        };
        using KernelSevCommands commands = new(kernel, hasInit2: true);

        commands.InjectSecret(TransportPacket.Parse(header, data, "test"), new GuestPiece(0x8000, 0x7000_0000, new byte[32]));

        Assert.Equal(header, seenHeader);
        Assert.Equal(data, seenData);
        KvmSevLaunchSecret issued = MemoryMarshal.Read<KvmSevLaunchSecret>(Assert.Single(kernel.Calls).Payload);
        Assert.Equal((0x7000_0000UL, 32u), (issued.GuestUaddr, issued.GuestLen));
    }

    [Fact]
    public void DebugDecrypt_CopiesTheAnswerAndWipesIt()
    {
        ulong address = 0;
        FakeSevKernel kernel = new()
        {
            Answer = (_, payload) =>
            {
                KvmSevDbg debug = MemoryMarshal.Read<KvmSevDbg>(payload);
                address = debug.DstUaddr;
                Marshal.Copy(new byte[] { 1, 2, 3, 4 }, 0, (nint)debug.DstUaddr, (int)debug.Len);
            },
        };
        using KernelSevCommands commands = new(kernel, hasInit2: true);
        byte[] plain = new byte[4];

        commands.DebugDecrypt(new GuestPiece(0, 0x7000_0000, new byte[4]), plain);

        Assert.Equal([1, 2, 3, 4], plain);
        Assert.Equal(new byte[4], FakeSevKernel.Read(address, 4));
    }

    private static void AnswerMeasure(byte[] payload, byte[] blob, uint length)
    {
        KvmSevLaunchMeasure measure = MemoryMarshal.Read<KvmSevLaunchMeasure>(payload);
        bool isQuery = measure.Len == 0;
        if (!isQuery)
        {
            Marshal.Copy(blob, 0, (nint)measure.Uaddr, blob.Length);
        }

        measure.Len = length;
        MemoryMarshal.Write(payload, measure);
        if (isQuery)
        {
            throw SevCommandException.FromErrno(SevCommandId.LaunchMeasure, (int)Errno.EIO, 4);
        }
    }
}
