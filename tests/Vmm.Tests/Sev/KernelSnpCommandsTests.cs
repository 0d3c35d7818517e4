using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

public sealed class KernelSnpCommandsTests
{
    [Fact]
    public void Initialize_IsInit2AllZero()
    {
        FakeSevKernel kernel = new();
        using KernelSnpCommands commands = new(kernel);

        commands.Initialize();

        Assert.Equal(SevCommandId.Init2, Assert.Single(kernel.Calls).Id);
        Assert.Equal(new byte[48], kernel.Calls[0].Payload);
    }

    [Fact]
    public void LaunchStart_IsThePolicyAndZeros()
    {
        FakeSevKernel kernel = new();
        using KernelSnpCommands commands = new(kernel);

        commands.LaunchStart(new SnpLaunchStartRequest(SnpPolicy.Default, default));

        byte[] expected = new byte[64];
        expected[2] = 3;
        Assert.Equal(expected, Assert.Single(kernel.Calls).Payload);
    }

    [Fact]
    public void SetPrivate_IsTheAttribute()
    {
        FakeSevKernel kernel = new();
        using KernelSnpCommands commands = new(kernel);

        commands.SetPrivate(0x1000, 0x3000, isPrivate: true);
        commands.SetPrivate(0x2000, 0x1000, isPrivate: false);

        Assert.Equal([(0x1000UL, 0x3000UL, 8UL), (0x2000UL, 0x1000UL, 0UL)], kernel.Attributes);
    }

    [Fact]
    public void LaunchUpdate_PartialProgressAndPendingSignals_GoesOnToTheEnd()
    {
        int calls = 0;
        FakeSevKernel kernel = new()
        {
            Answer = (id, payload) =>
            {
                if (calls++ % 2 == 0)
                {
                    // What a pending signal gives: EIO, and the firmware has nothing against it.
                    throw SevCommandException.FromErrno(id, (int)(calls % 4 == 1 ? Errno.EIO : Errno.EAGAIN), 0);
                }

                Advance(payload, 0x1000);
            },
        };
        using KernelSnpCommands commands = new(kernel);

        commands.LaunchUpdate(new GuestPiece(0x20_0000, 0x7000_0000, new byte[0x3000]), SnpLaunchPageType.Normal);

        KvmSevSnpLaunchUpdate[] seen = [.. kernel.Calls.Select(static call => MemoryMarshal.Read<KvmSevSnpLaunchUpdate>(call.Payload))];
        Assert.Equal([0x200UL, 0x200, 0x201, 0x201, 0x202, 0x202], seen.Select(static update => update.GfnStart));
        Assert.Equal([0x3000UL, 0x3000, 0x2000, 0x2000, 0x1000, 0x1000], seen.Select(static update => update.Len));
        Assert.Equal(0x7000_2000UL, seen[^1].Uaddr);
        Assert.All(seen, static update => Assert.Equal((byte)1, update.Type));
    }

    [Fact]
    public void LaunchUpdate_ZeroPages_NameNoSource()
    {
        FakeSevKernel kernel = new() { Answer = static (_, payload) => Advance(payload, 0x2000) };
        using KernelSnpCommands commands = new(kernel);

        commands.LaunchUpdate(new GuestPiece(0x1000, 0x7000_0000, new byte[0x2000]), SnpLaunchPageType.Zero);

        KvmSevSnpLaunchUpdate update = MemoryMarshal.Read<KvmSevSnpLaunchUpdate>(Assert.Single(kernel.Calls).Payload);
        Assert.Equal((0UL, (byte)3), (update.Uaddr, update.Type));
    }

    [Fact]
    public void LaunchUpdate_FirmwareRefuses_IsNotRepeated()
    {
        FakeSevKernel kernel = new() { Answer = static (id, _) => throw SevCommandException.FromErrno(id, (int)Errno.EIO, 0x16) };
        using KernelSnpCommands commands = new(kernel);

        SevCommandFailedException refused = Assert.Throws<SevCommandFailedException>(
            () => commands.LaunchUpdate(new GuestPiece(0x1000, 0x7000_0000, new byte[0x1000]), SnpLaunchPageType.Cpuid));

        Assert.Equal(PspStatus.InvalidParam, refused.Status);
        Assert.Contains("CPUID page", refused.Hint, StringComparison.Ordinal);
        Assert.Single(kernel.Calls);
    }

    [Fact]
    public void LaunchUpdate_ThatNeverGetsOn_EndsWithTheKernelsWords()
    {
        FakeSevKernel kernel = new() { Answer = static (id, _) => throw SevCommandException.FromErrno(id, (int)Errno.EIO, 0) };
        using KernelSnpCommands commands = new(kernel);

        SevCommandFailedException refused = Assert.Throws<SevCommandFailedException>(
            () => commands.LaunchUpdate(new GuestPiece(0x1000, 0x7000_0000, new byte[0x1000]), SnpLaunchPageType.Normal));

        Assert.Null(refused.Status);
        Assert.StartsWith("KVM_SEV_SNP_LAUNCH_UPDATE failed: EIO (5). The kernel stopped early", refused.Message, StringComparison.Ordinal);
        Assert.Equal(KernelSnpCommands.MostIdleCalls + 1, kernel.Calls.Count);
    }

    [Fact]
    public void LaunchUpdate_SuccessWithoutProgress_DoesNotGoOnForEver()
    {
        FakeSevKernel kernel = new();
        using KernelSnpCommands commands = new(kernel);

        Assert.Throws<SevCommandFailedException>(
            () => commands.LaunchUpdate(new GuestPiece(0x1000, 0x7000_0000, new byte[0x1000]), SnpLaunchPageType.Normal));
    }

    [Fact]
    public void LaunchFinish_WithIdBlock_PointsAtBothAndSetsTheSwitches()
    {
        byte[] idBlock = [.. Enumerable.Range(0, 96).Select(static i => (byte)i)];
        byte[] authentication = new byte[4096];
        new Random(5).NextBytes(authentication);
        byte[] hostData = [.. Enumerable.Range(200, 32).Select(static i => (byte)i)];
        byte[] seenBlock = [];
        byte[] seenAuthentication = [];
        FakeSevKernel kernel = new()
        {
            Answer = (_, payload) =>
            {
                KvmSevSnpLaunchFinish finish = MemoryMarshal.Read<KvmSevSnpLaunchFinish>(payload);
                seenBlock = FakeSevKernel.Read(finish.IdBlockUaddr, 96);
                seenAuthentication = FakeSevKernel.Read(finish.IdAuthUaddr, 4096);
            },
        };
        using KernelSnpCommands commands = new(kernel);

        commands.LaunchFinish(new SnpLaunchFinishRequest(idBlock, authentication, HasAuthorKey: true, IsVcekDisabled: true, hostData));

        Assert.Equal(idBlock, seenBlock);
        Assert.Equal(authentication, seenAuthentication);
        byte[] payload = Assert.Single(kernel.Calls).Payload;
        Assert.Equal([1, 1, 1], payload[16..19]);
        Assert.Equal(hostData, payload[19..51]);
        Assert.All(payload[51..], static value => Assert.Equal(0, value));
    }

    [Fact]
    public void LaunchFinish_WithoutIdBlock_IsAllZero()
    {
        FakeSevKernel kernel = new();
        using KernelSnpCommands commands = new(kernel);

        commands.LaunchFinish(default);

        Assert.Equal(new byte[88], Assert.Single(kernel.Calls).Payload);
    }

    private static void Advance(byte[] payload, ulong done)
    {
        KvmSevSnpLaunchUpdate update = MemoryMarshal.Read<KvmSevSnpLaunchUpdate>(payload);
        update.GfnStart += done >> 12;
        update.Uaddr += update.Uaddr == 0 ? 0 : done;
        update.Len -= done;
        MemoryMarshal.Write(payload, update);
    }
}
