// Exit code 0 once this is the primary of a replica set of one. The first check initiates the set.
const admin = connect("mongodb://127.0.0.1:27017/admin?directConnection=true");
admin.auth(process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);
try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  admin.adminCommand({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] } });
}
quit(admin.hello().isWritablePrimary ? 0 : 1);
