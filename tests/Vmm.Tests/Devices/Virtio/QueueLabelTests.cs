using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>The labels of virtqueues, and that <c>map check</c> knows them.</summary>
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

    private static CheckResult Look(VirtioBench bench, IReadOnlyList<LabelledRange> labels) =>
        MapCheck.Run(bench.Tracker.Snapshot().WithLabels(labels), null).Single(static result => result.Name == Check);
}
