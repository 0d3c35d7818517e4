using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

/// <summary>A guest goes from one software platform to another.</summary>
public sealed class PspTransportTests
{
    [Theory]
    [InlineData(0x00U, false)]
    [InlineData(0x20U, false)]
    [InlineData(0x04U, true)]
    public void SendAndReceive_BetweenTwoModels_MovesTheMemory(uint policy, bool scramble)
    {
        PspOptions options = new() { Scramble = scramble };
        using PspHarness source = new(policy, options);
        using PspHarness target = new(policy, options);
        source.GoTo(SevGuestState.Running);
        byte[] received = new byte[4096];

        SendStartResult sent = source.SendStart(target.Psp);
        TransportPacket packet = source.Guest.SendUpdateData(new GuestPiece(PspHarness.Gpa, 0, source.Memory));
        source.Guest.SendFinish();
        target.Guest.ReceiveStart(new ReceiveStartRequest(sent.Policy, source.Psp.ExportPdh().Pdh, sent.Session));
        target.Guest.ReceiveUpdateData(packet, new GuestPiece(PspHarness.Gpa, 0, received));
        target.Guest.ReceiveFinish();

        Assert.NotEqual(PspHarness.Data, packet.Data.ToArray());
        byte[] plain = new byte[4096];
        target.Guest.DebugDecrypt(new GuestPiece(PspHarness.Gpa, 0, received), plain);
        Assert.Equal(PspHarness.Data, plain);
        Assert.Equal(scramble, !received.AsSpan().SequenceEqual(PspHarness.Data));
        Assert.Equal(new SevPolicy(policy), target.Guest.GetGuestStatus().Policy);
        Assert.Equal(SevGuestState.Running, target.Guest.GetGuestStatus().State);
        Assert.Equal(SevGuestState.Sent, source.Guest.GetGuestStatus().State);
    }

    [Fact]
    public void SendCancel_LeavesTheGuestAndForgetsTheKeys()
    {
        using PspHarness source = new();
        source.GoTo(SevGuestState.Running);
        SendStartResult first = source.SendStart();

        source.Guest.SendCancel();
        SendStartResult second = source.SendStart();

        Assert.NotEqual(first.Session.ToArray(), second.Session.ToArray());
        source.Guest.SendCancel();
        Assert.Equal(SevGuestState.Running, source.Guest.GetGuestStatus().State);
        Assert.Null(source.Guest.Keys);
    }

    [Fact]
    public void ReceiveUpdateData_EveryBitFlipped_IsRefused()
    {
        using PspHarness source = new();
        using PspHarness target = new();
        source.GoTo(SevGuestState.Running);
        SendStartResult sent = source.SendStart(target.Psp);
        TransportPacket packet = source.Guest.SendUpdateData(new GuestPiece(0, 0, source.Memory.AsSpan(0, 32)));
        target.Guest.ReceiveStart(new ReceiveStartRequest(sent.Policy, source.Psp.ExportPdh().Pdh, sent.Session));
        byte[] received = new byte[32];

        foreach ((int bit, byte[] damaged) in BitFlips.Of([.. packet.Header, .. packet.Data]))
        {
            TransportPacket other = TransportPacket.Parse(damaged.AsSpan(0, 52), damaged.AsSpan(52), "packet");
            PspStatus? status = PspHarness.StatusOf(() => target.Guest.ReceiveUpdateData(other, new GuestPiece(0, 0, received)));

            // Bit 0 of the flags says "compressed", and the firmware looks at it first.
            Assert.True(status == (bit == 0 ? PspStatus.Unsupported : PspStatus.BadMeasurement), $"bit {bit}: {status}");
        }

        Assert.Equal(new byte[32], received);
        target.Guest.ReceiveUpdateData(packet, new GuestPiece(0, 0, received));
        Assert.Equal(PspHarness.Data[..32], received);
    }

    [Fact]
    public void ReceiveStart_AnotherPolicyOrAnotherSource_IsBadMeasurement()
    {
        using PspHarness source = new();
        using PspHarness target = new();
        source.GoTo(SevGuestState.Running);
        SendStartResult sent = source.SendStart(target.Psp);
        ReceiveStartRequest request = new(sent.Policy, source.Psp.ExportPdh().Pdh, sent.Session);

        PspHarness.Refused(PspStatus.BadMeasurement, () => target.Guest.ReceiveStart(request with { Policy = new SevPolicy(1) }));
        PspHarness.Refused(
            PspStatus.BadMeasurement,
            () => target.Guest.ReceiveStart(request with { SourcePdh = target.Psp.ExportPdh().Pdh }));
        PspHarness.Refused(PspStatus.InvalidLength, () => target.Guest.ReceiveStart(request with { Session = default }));
        PspHarness.Refused(PspStatus.InvalidLength, () => target.Guest.ReceiveStart(request with { SourcePdh = default }));
        PspHarness.Refused(
            PspStatus.InvalidCertificate,
            () => target.Guest.ReceiveStart(request with { SourcePdh = source.Psp.ExportChain().Pek.Bytes.ToArray() }));
        target.Guest.ReceiveStart(request);
    }

    [Theory]
    [InlineData(0x08U, PspStatus.PolicyFailure)]
    [InlineData(0x10U, PspStatus.PolicyFailure)]
    [InlineData(0x20U, PspStatus.Success)]
    public void SendStart_PolicyGates(uint policy, PspStatus expected)
    {
        using PspHarness source = new(policy);
        using SoftwarePsp target = SoftwarePsp.Create();
        source.GoTo(SevGuestState.Running);

        Assert.Equal(expected, PspHarness.StatusOf(() => source.SendStart(target)));
    }

    [Fact]
    public void SendStart_UnderDomain_NeedsTheSameOwner()
    {
        using PspHarness source = new(policy: 0x10);
        using SoftwarePsp target = SoftwarePsp.Create();
        PspPlatformTests.Own(source.Psp, target);
        source.GoTo(SevGuestState.Running);

        Assert.Equal(PspStatus.Success, PspHarness.StatusOf(() => source.SendStart(target)));
    }

    [Fact]
    public void SendStart_UnderSev_VerifiesTheWholeChain()
    {
        using PspHarness source = new(policy: 0x20);
        using SoftwarePsp target = SoftwarePsp.Create();
        source.GoTo(SevGuestState.Running);
        SevCertificateChain chain = target.ExportChain();
        SendStartRequest good = new(chain.Pdh.Bytes.ToArray(), chain.ToPlatformChain(), chain.Authority!.ToBytes());

        SevCertificateChain unsigned = chain with { Cek = chain.Cek.WithoutSignatures() };
        PspHarness.Refused(
            PspStatus.InvalidCertificate,
            () => source.Guest.SendStart(good with { PlatformChain = unsigned.ToPlatformChain() }));
        PspHarness.Refused(PspStatus.InvalidLength, () => source.Guest.SendStart(good with { AmdChain = default }));
        PspHarness.Refused(PspStatus.InvalidLength, () => source.Guest.SendStart(good with { PlatformChain = default }));
        PspHarness.Refused(PspStatus.BadSignature, () => source.Guest.SendStart(good with { TargetPdh = Flip(good.TargetPdh, 0x014) }));
        PspHarness.Refused(
            PspStatus.BadSignature,
            () => source.Guest.SendStart(good with { PlatformChain = Flip(good.PlatformChain, 0x014) }));
        PspHarness.Refused(
            PspStatus.BadSignature,
            () => source.Guest.SendStart(good with { PlatformChain = Flip(good.PlatformChain, (2 * SevCertificate.Size) + 0x014) }));
        PspHarness.Refused(PspStatus.BadSignature, () => source.Guest.SendStart(good with { AmdChain = Flip(good.AmdChain, 600) }));
        PspHarness.Refused(
            PspStatus.InvalidCertificate,
            () => source.Guest.SendStart(good with { AmdChain = Flip(good.AmdChain, 1600 + 600) }));
        using TestPlatform stranger = TestPlatform.CreateLarge();
        PspHarness.Refused(
            PspStatus.InvalidCertificate,
            () => source.Guest.SendStart(new SendStartRequest(
                stranger.Chain.Pdh.Bytes.ToArray(),
                stranger.Chain.ToPlatformChain(),
                stranger.Chain.Authority!.ToBytes())));
        Assert.Equal(SevGuestState.Running, source.Guest.GetGuestStatus().State);
        source.Guest.SendStart(good);
    }

    [Fact]
    public void SendStart_UnderSev_NeedsATargetThatIsNewEnough()
    {
        using PspHarness source = new(policy: 0x20 | (1U << 16) | (50U << 24));
        using SoftwarePsp older = SoftwarePsp.Create(new PspOptions { Firmware = new SevFirmwareVersion(1, 49, 1) });
        source.GoTo(SevGuestState.Running);

        PspHarness.Refused(PspStatus.PolicyFailure, () => source.SendStart(older));
    }

    [Fact]
    public void SendStart_TargetsKeyNoPoint_IsInvalidCertificate()
    {
        using PspHarness source = new();
        source.GoTo(SevGuestState.Running);
        ReadOnlyMemory<byte> pdh = source.Psp.ExportPdh().Pdh;

        PspHarness.Refused(
            PspStatus.InvalidCertificate,
            () => source.Guest.SendStart(new SendStartRequest(Flip(pdh, 0x014), default, default)));
        PspHarness.Refused(PspStatus.InvalidLength, () => source.Guest.SendStart(default));
        Assert.Null(source.Guest.Keys);
    }

    [Fact]
    public void Transport_BadPieces_AreRefused()
    {
        using PspHarness source = new();
        source.GoTo(SevGuestState.SendUpdate);

        PspHarness.Refused(PspStatus.InvalidLength, () => source.Guest.SendUpdateData(new GuestPiece(0, 0, new byte[8])));
        PspHarness.Refused(PspStatus.InvalidLength, () => source.Guest.SendUpdateData(new GuestPiece(0, 0, [])));
        PspHarness.Refused(PspStatus.InvalidAddress, () => source.Guest.SendUpdateData(new GuestPiece(1, 0, new byte[16])));
        SevCommandFailedException refusal =
            Assert.Throws<SevCommandFailedException>(() => source.Guest.SendUpdateData(new GuestPiece(4080, 0, new byte[32])));
        Assert.Null(refusal.Status);
    }

    private static byte[] Flip(ReadOnlyMemory<byte> bytes, int offset)
    {
        byte[] damaged = bytes.ToArray();
        damaged[offset] ^= 1;
        return damaged;
    }
}
