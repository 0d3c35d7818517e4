using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>A packed secret and where in the guest it goes.</summary>
/// <param name="Target">First guest address; the secret must not leave its page.</param>
/// <param name="Packet">The owner's packet, made for this launch's measurement.</param>
public sealed record LaunchSecretDelivery(Gpa Target, TransportPacket Packet);
