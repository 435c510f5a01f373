// Gives each service a user with rights to its own database only. Run again, it sets passwords and rights anew.
const admin = new Mongo(
  "mongodb://" + process.env.MONGO_INITDB_ROOT_USERNAME + ":" + process.env.MONGO_INITDB_ROOT_PASSWORD +
    "@mongodb:27017/?replicaSet=rs0&authSource=admin",
);
for (const service of ["auth", "feedback", "gateway", "listening", "synthesis", "voice"]) {
  const database = admin.getDB(service);
  const user = {
    pwd: process.env["MONGODB_" + service.toUpperCase() + "_PASSWORD"],
    roles: [{ role: "readWrite", db: service }],
  };
  if (database.getUser(service) === null) {
    database.createUser({ user: service, ...user });
  } else {
    database.updateUser(service, user);
  }
}
