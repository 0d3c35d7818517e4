using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

/// <summary>Whatever comes in, the answer is a status of the firmware or a refusal of the kernel, never anything else.</summary>
public sealed class PspFuzzTests
{
    [Fact]
    public void LaunchSecret_Mutations_AreRefusedOrTheSame()
    {
        using PspHarness harness = new();
        harness.GoTo(SevGuestState.LaunchSecret);
        TransportPacket packet = LaunchSecret.Package(
            harness.Session!.Keys,
            harness.Measurement!,
            PspHarness.Secret,
            SystemRandomSource.Instance);
        byte[] valid = [.. packet.Header, .. packet.Data];
        byte[] target = new byte[256];

        Fuzz.Mutate([valid], bytes =>
        {
            if (bytes.Length < TransportPacket.HeaderSize)
            {
                return;
            }

            ReadOnlySpan<byte> data = bytes.AsSpan(TransportPacket.HeaderSize);
            TransportPacket damaged = TransportPacket.Parse(bytes.AsSpan(0, TransportPacket.HeaderSize), data, "fuzz");
            int length = Math.Min(data.Length, target.Length);
            PspStatus? status = PspHarness.StatusOf(
                () => harness.Guest.InjectSecret(damaged, new GuestPiece(0, 0, target.AsSpan(0, length))));
            Assert.Equal(bytes.AsSpan().SequenceEqual(valid), status == PspStatus.Success);
            Assert.NotNull(status);
        });
    }

    [Fact]
    public void LaunchStart_Mutations_AreRefusedOrTheSame()
    {
        using PspHarness harness = new();
        using Sev.Sessions.LaunchSession session =
            Sev.Sessions.LaunchSession.Create(harness.Psp.ExportChain().Pdh, default, SystemRandomSource.Instance);
        byte[] godh = session.Godh.Bytes.ToArray();
        byte[] blob = session.Session.Bytes.ToArray();

        // A key agreement each: the cheap formats below get the large numbers.
        Fuzz.Mutate([blob], bytes => Start(godh, bytes), count: 3_000);
        Fuzz.Mutate([godh], bytes => Start(bytes, blob), count: 3_000);

        void Start(byte[] certificate, byte[] data)
        {
            using SoftwareSevGuest guest = harness.Psp.CreateGuest();
            guest.Initialize(SevGuestKind.Sev);
            PspStatus? status = PspHarness.StatusOf(() => guest.LaunchStart(new LaunchStartRequest(default, certificate, data)));
            Assert.Contains(
                status,
                (PspStatus?[])
                [
                    PspStatus.Success, PspStatus.InvalidLength, PspStatus.InvalidCertificate, PspStatus.BadMeasurement,
                    PspStatus.InvalidParam,
                ]);
        }
    }

    [Fact]
    public void ImportPek_Mutations_NeverMakeAnOwner()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        (byte[] pek, byte[] oca) = PspPlatformTests.SignByOwner(psp);

        Fuzz.Mutate([pek], bytes => Import(bytes, oca, bytes, pek), count: 2_000);
        Fuzz.Mutate([oca], bytes => Import(pek, bytes, bytes, oca), count: 2_000);

        void Import(byte[] first, byte[] second, byte[] damaged, byte[] valid)
        {
            if (damaged.AsSpan().SequenceEqual(valid))
            {
                return;
            }

            PspStatus? status = PspHarness.StatusOf(() => psp.ImportPek(first, second));
            if (status == PspStatus.Success)
            {
                // A signature slot that nobody asks about can hold anything.
                psp.GeneratePek();
                (pek, oca) = PspPlatformTests.SignByOwner(psp);
                Assert.InRange(damaged.AsSpan().CommonPrefixLength(valid), 0x61C, 2084);
                return;
            }

            Assert.Contains(
                status,
                (PspStatus?[])[PspStatus.InvalidLength, PspStatus.InvalidCertificate, PspStatus.BadSignature]);
        }
    }

    [Fact]
    public void SnpRequest_Mutations_AreRefused()
    {
        using SoftwarePsp psp = SoftwarePsp.Create();
        using SoftwareSnpGuest guest = psp.CreateSnpGuest();
        guest.Initialize();
        guest.LaunchStart(new SnpLaunchStartRequest(SnpPolicy.Default, default));
        guest.SetPrivate(0, 4096, true);
        byte[] secrets = new byte[4096];
        guest.LaunchUpdate(new GuestPiece(0, 0, secrets), SnpLaunchPageType.Secrets);
        guest.LaunchFinish(default);
        byte[] valid = new Sev.Attestation.GuestMessage(1, Sev.Attestation.GuestMessageType.ReportRequest, 1, 0, new byte[0x60])
            .Encrypt(secrets.AsSpan(0x20, 32));

        Fuzz.Mutate([valid], bytes =>
        {
            if (!bytes.AsSpan().StartsWith(valid))
            {
                PspStatus? status = PspHarness.StatusOf(() => guest.Request(bytes));
                Assert.Contains(status, (PspStatus?[])[PspStatus.InvalidParam, PspStatus.BadMeasurement]);
            }
        });
        guest.Request(valid);
    }

    [Fact]
    public void SnpCpuidPage_Mutations_AreAcceptedAfterOneCorrection()
    {
        byte[] valid = new byte[4096];
        valid[0] = 64;

        Fuzz.Mutate([valid], bytes =>
        {
            byte[] page = [.. bytes.Take(4096), .. new byte[Math.Max(0, 4096 - bytes.Length)]];
            if (PspCpuidPage.Correct(page) is { } problem
                && !problem.Contains("reserved", StringComparison.Ordinal)
                && !problem.Contains("entries", StringComparison.Ordinal))
            {
                Assert.Null(PspCpuidPage.Correct(page));
            }
        });
    }

    [Fact]
    public void PageRanges_AgreeWithASetOfPages()
    {
        int seed = Environment.TickCount;
        Random random = new(seed);
        PspPageRanges ranges = new();
        HashSet<ulong> pages = [];
        for (int step = 0; step < 20_000; step++)
        {
            ulong start = (ulong)random.Next(64);
            ulong length = (ulong)random.Next(1, 9);
            bool isAdding = random.Next(2) == 0;
            for (ulong page = start; page < start + length; page++)
            {
                _ = isAdding ? pages.Add(page) : pages.Remove(page);
            }

            if (isAdding)
            {
                ranges.Add(start, length);
            }
            else
            {
                ranges.Remove(start, length);
            }

            ulong from = (ulong)random.Next(64);
            ulong[] asked = [.. Enumerable.Range((int)from, 5).Select(page => (ulong)page)];
            Assert.True(ranges.ContainsAll(from, 5) == asked.All(pages.Contains), $"seed {seed}, step {step}");
            Assert.True(ranges.Overlaps(from, 5) == asked.Any(pages.Contains), $"seed {seed}, step {step}");
        }
    }
}
