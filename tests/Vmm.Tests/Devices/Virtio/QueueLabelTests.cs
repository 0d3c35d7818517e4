using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>The labels of virtqueues and their buffers, and that <c>map check</c> knows them.</summary>
public sealed class QueueLabelTests
{
    private const string Check = "rings-in-private-memory";

    [Fact]
    public void RingThatIsPrivate_IsFoundByMapCheck()
    {
        using var bench = new VirtioBench(new VirtioRng("rng0"), isEncrypted: true);
        bench.Share(0, VirtioBench.MemoryBytes);
        bench.Driver.Start();

        IReadOnlyList<LabelledRange> labels = QueueLabels.Collect([bench.Transport]);
        Assert.NotEmpty(labels);
        Assert.All(labels, static label => Assert.Equal(new RangeLabel("virtqueue 0 of rng0", LabelCertainty.Exact), label.Label));
        Assert.Equal(CheckVerdict.Ok, Look(bench, labels).Verdict);

        Gpa ring = labels[0].Range.Start;
        bench.MakePrivate(ring.Value, GuestPage.Size);
        CheckResult result = Look(bench, labels);
        Assert.Equal(CheckVerdict.Found, result.Verdict);
        Assert.Equal([$"virtqueue 0 of rng0: {ring} is private"], result.Findings);
    }

    [Fact]
    public void Queues_OfADeviceThatIsStuck_AreUnnamed_AndNobodyWaitsForIt()
    {
        using VirtioBench bench = Encrypted();
        Assert.NotEmpty(QueueLabels.Collect([bench.Transport]));
        using ManualResetEventSlim isStuck = new();
        using ManualResetEventSlim mayGoOn = new();
        Thread device = new(() =>
        {
            lock (bench.Transport.Gate)
            {
                isStuck.Set();
                mayGoOn.Wait(TimeSpan.FromSeconds(60));
            }
        });
        device.Start();
        Assert.True(isStuck.Wait(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));

        Assert.Equal(0, bench.Transport.CompletedChains);
        Assert.Empty(QueueLabels.Collect([bench.Transport]));

        mayGoOn.Set();
        device.Join();
        Assert.NotEmpty(QueueLabels.Collect([bench.Transport]));
    }

    [Fact]
    public void Buffers_ThatAreOffered_AreNamed_UntilTheyComeBack()
    {
        using VirtioBench bench = Encrypted();
        bench.Driver.SetDescriptorAt(0x30_0000, 0x20_4000, 0x1000, 2);
        bench.Driver.SetChain(0, 0, new DriverBuffer(0x20_0FFF, 2, true), new DriverBuffer(0x20_2000, 16, true));
        bench.Driver.SetDescriptor(0, 7, 0x30_0000, 16, 4);
        bench.Driver.Offer(0, 0);
        bench.Driver.Offer(0, 7);

        Assert.Equal(["[0x200000, 0x203000)", "[0x204000, 0x205000)"], Buffers(bench));
        Assert.All(
            QueueLabels.Collect([bench.Transport]), static label => Assert.Equal(LabelCertainty.Exact, label.Label.Certainty));

        bench.Transport.ProcessQueue(0);
        Assert.Empty(Buffers(bench));
        Assert.Equal(2, bench.Transport.CompletedChains);
    }

    [Fact]
    public void Buffers_OfALyingDriver_AreNamedWhereADeviceCouldTouchThem_AndNoFaultIsTold()
    {
        using VirtioBench bench = Encrypted();
        bench.MakePrivate(0x40_0000, 0x1000);

        // Private, outside RAM, empty, over the queue's own rings, and then for ever round.
        bench.Driver.SetDescriptor(0, 0, 0x40_0000, 16, 3, 1);
        bench.Driver.SetDescriptor(0, 1, VirtioBench.MemoryBytes, 16, 3, 2);
        bench.Driver.SetDescriptor(0, 2, 0x20_0000, 0, 3, 3);
        bench.Driver.SetDescriptor(0, 3, VirtioDriver.Descriptors(0), 16, 3, 4);
        bench.Driver.SetDescriptor(0, 4, 0x20_0000, 16, 3, 0);
        bench.Driver.Offer(0, 0);
        Assert.Equal(["[0x200000, 0x201000)"], Buffers(bench));

        bench.Driver.SetDescriptor(0, 4, 0x20_0000, 16, 3, 99);
        bench.Driver.SetDescriptor(0, 5, 0x40_0000, 16, 4);
        bench.Driver.SetDescriptor(0, 6, 0x20_8000, 16 * 17, 4);
        bench.Driver.Offer(0, 5);
        bench.Driver.Offer(0, 6);
        bench.Driver.Offer(0, 99);
        Assert.Equal(["[0x200000, 0x201000)"], Buffers(bench));

        bench.Driver.SetAvailableIndex(0, 1000);
        Assert.Empty(Buffers(bench));
        Assert.Equal((VirtioStatus)15, bench.Driver.Status);
        Assert.Empty(bench.LogLines);
    }

    [Fact]
    public void Buffers_WithoutEnd_AreBounded()
    {
        using var bench = new VirtioBench(new VirtioRng("rng0"));
        bench.Driver.Start(size: 256);
        for (uint i = 0; i < 256; i++)
        {
            // Every second page, so that no two become one label.
            bench.Driver.SetDescriptorAt(0x30_0000 + (16 * i), 0x40_0000 + (0x2000 * i), 16, (ushort)(i == 255 ? 2 : 3), (ushort)(i + 1));
        }

        for (ushort head = 0; head < 256; head++)
        {
            bench.Driver.SetDescriptor(0, head, 0x30_0000, 16 * 256, 4);
            bench.Driver.Offer(0, head);
        }

        Assert.Equal(
            QueueLabels.MostBuffersOfAQueue, bench.Transport.GetReadyQueues(QueueLabels.MostBuffersOfAQueue).Single().Buffers.Count);
        Assert.Equal(256, Buffers(bench).Count);
    }

    [Fact]
    public void Buffers_CountAsBounceBuffers_WhenKindsAreCompared()
    {
        using VirtioBench bench = Encrypted();
        var swiotlb = new LabelledRange(
            new GpaRange(new Gpa(0x20_0000), 0x10_0000), new RangeLabel(RegionNames.Swiotlb, LabelCertainty.Likely));
        SharedRegionMap Map()
        {
            LabelLayers layers = new(bench.Tracker.Ram);
            layers.Add([swiotlb]);
            layers.Add(QueueLabels.Collect([bench.Transport]));
            return bench.Tracker.Snapshot().WithLabels(layers.Labels);
        }

        SharedRegionMap before = Map();
        bench.Driver.SetChain(0, 0, new DriverBuffer(0x20_1000, 0x2000, true));
        bench.Driver.Offer(0, 0);
        SharedRegionMap after = Map();

        Assert.Contains(after.Labels, static label => label.Label.Text == "buffer of virtqueue 0 of rng0");
        Assert.DoesNotContain(KindDifference.Between(before, after), static kind => kind.IsDifferent);
    }

    private static VirtioBench Encrypted()
    {
        var bench = new VirtioBench(new VirtioRng("rng0"), isEncrypted: true);
        bench.Share(0, VirtioBench.MemoryBytes);
        bench.Driver.Start();
        return bench;
    }

    private static List<string> Buffers(VirtioBench bench) =>
    [
        .. QueueLabels.Collect([bench.Transport])
            .Where(static label => label.Label.Text == "buffer of virtqueue 0 of rng0")
            .Select(static label => label.Range.ToString()),
    ];

    private static CheckResult Look(VirtioBench bench, IReadOnlyList<LabelledRange> labels) =>
        MapCheck.Run(bench.Tracker.Snapshot().WithLabels(labels), null).Single(static result => result.Name == Check);
}
